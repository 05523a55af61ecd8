"""Server as a process of its own, with the hashing embedder and a scripted model.

python tests/helpers/served_process.py FOLDER [NAME=USER ...]

Prints its URL on the first line, and then a line with a key for each NAME=USER.
"""

import sys
from pathlib import Path

from memagent import Memory
from memagent.config import load_settings
from memagent.server import run
from memagent.server.services import ServeOptions, Services
from memagent.stores.access.keys import Keys
from memagent.testing import HashEmbedder, ScriptedChat

REPLIES = 10_000


def main(folder: str, *names: str) -> None:
    """Serve until a signal comes."""
    options = ServeOptions(port=0)
    listening = run.bind(options)
    with Memory.open(Path(folder), embedder=HashEmbedder()) as memory:
        services = Services(memory=memory, settings=load_settings(), options=options)
        services.agent.use(ScriptedChat(["In Turin."] * REPLIES))
        keys = [
            Keys(memory.engine.store).make(name, [user])[0]
            for name, _, user in (text.partition("=") for text in names)
        ]
        run.serve(services, listening, lambda url: print(url, *keys, sep="\n", flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
