"""Classifier for tests: statements with the word "always" are lasting, all others passing."""

import numpy as np
import pytest

from memagent.profile import lasting
from memagent.profile.lasting import LastingClassifier
from memagent.testing import HashEmbedder


def reads_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the profile take statements with "always", as the hashing embedder sees them."""
    direction = np.array(HashEmbedder().embed_query("always"))
    classifier = LastingClassifier(weights=10 * direction, intercept=0.0, threshold=2.9)
    monkeypatch.setattr(lasting, "classifier_of", lambda embedder: classifier)
