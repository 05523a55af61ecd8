import json

import numpy as np
import pytest

from memagent.embedding.open_embedder import open_embedder
from memagent.errors import InvalidInput, WeightsMissing
from memagent.evals.tasks.preferences import statements
from memagent.evals.tasks.preferences.histories import people
from memagent.memory.memory import Memory
from memagent.profile.lasting import LastingClassifier, classifier_of, embedders, fitted
from memagent.testing import HashEmbedder


def test_the_shipped_classifiers_are_of_the_embedders_that_come_along() -> None:
    assert set(embedders()) == {"all-MiniLM-L6-v2", "multilingual"}
    for name in embedders():
        classifier = classifier_of(name)
        assert classifier is not None
        assert len(classifier.weights) == 384
    assert classifier_of("another") is None


def test_a_classifier_is_written_and_read() -> None:
    classifier = LastingClassifier(weights=np.array([1.0, -2.0]), intercept=0.5, threshold=1.5)
    read = LastingClassifier.from_dict(json.loads(json.dumps(classifier.to_dict())))
    vectors = np.eye(2, dtype=np.float32)
    assert read.scores(vectors).tolist() == [1.5, -1.5]
    assert read.threshold == 1.5
    with pytest.raises(InvalidInput, match="2 dimensions, not 3"):
        read.scores(np.eye(3, dtype=np.float32))


@pytest.mark.parametrize("data", [None, {}, {"weights": ["x"], "intercept": 0, "threshold": 0}])
def test_malformed_weights_are_refused(data: object) -> None:
    with pytest.raises(InvalidInput):
        LastingClassifier.from_dict(data)


def test_it_is_fitted_to_labels() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 8))
    lasting = vectors[:, 0] > 0
    classifier = fitted(vectors, lasting, np.ones(200), pull=0.01)
    assert ((classifier.scores(vectors.astype(np.float32)) > 0) == lasting).mean() > 0.95


def test_training_measures_topics_that_it_did_not_see() -> None:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        trained = statements.trained(memory.engine.encoder)
    assert [row["language"] for row in trained.measures] == list(statements.languages())
    assert sum(row["n"] for row in trained.measures) == len(statements.statements())
    assert len(trained.classifier.weights) == 64
    with pytest.raises(InvalidInput, match="no statements in 'xx'"):
        statements.statements("xx")


def test_no_statement_is_trained_on_and_asked_for() -> None:
    seen = {row.text.casefold() for row in statements.statements()}
    for split in ("test", "development"):
        for person in people(split):
            assert not seen & {each.statement.casefold() for each in person.preferences}
    texts = [row.text for row in statements.statements()]
    assert len(texts) == len(set(texts))


@pytest.mark.real
def test_the_shipped_weights_tell_lasting_statements_from_passing_ones() -> None:
    try:
        embedder = open_embedder("all-MiniLM-L6-v2")
    except WeightsMissing as missing:
        pytest.skip(str(missing))
    classifier = classifier_of("all-MiniLM-L6-v2")
    assert classifier is not None
    said = ["I never eat fish.", "I bake my own bread.", "We ate fish.", "I baked bread today."]
    vectors = np.array(embedder.embed_documents(said), dtype=np.float32)
    taken = classifier.scores(vectors) >= classifier.threshold
    assert taken.tolist() == [True, True, False, False]
