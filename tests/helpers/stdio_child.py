"""Program `memagent` with the hashing embedder, for tests that run it as a child process.

With GATE in the environment the embedder opens once a file of that name is there.
"""

import os
import time
from pathlib import Path
from typing import Any

from memagent.memory import engine
from memagent.testing import HashEmbedder


def opened(_: Any) -> HashEmbedder:
    """Return the embedder, once the gate is open."""
    gate = os.environ.get("GATE")
    while gate is not None and not Path(gate).exists():
        time.sleep(0.01)
    return HashEmbedder()


if __name__ == "__main__":
    from memagent.__main__ import main

    engine.open_embedder = opened
    main()
