"""Exports and imports that are refused, and leave nothing half done."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from exporting import exported, fill

from memagent import Memory, Scope
from memagent.errors import EmbedderMismatch, InvalidInput
from memagent.testing import HashEmbedder


def test_an_import_that_a_move_to_another_embedder_overtakes_is_refused(
    tmp_path: Path, ada: Scope
) -> None:
    class Overtaken(HashEmbedder):
        """An embedder during whose work another process moves the store."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if "drink" in texts:
                with Memory.open(tmp_path, embedder=HashEmbedder(32)) as mover:
                    mover.maintenance.reembed()
            return super().embed_documents(texts)

    lines = exported(ada)
    lines[0] = '{"memagent": 1, "embedder": "another", "vectors": false}'
    with Memory.open(tmp_path, embedder=Overtaken()) as memory:
        memory.add("here before", scope=ada)
        with pytest.raises(EmbedderMismatch, match="moved to another embedder just now"):
            memory.maintenance.import_(lines)
        assert memory.maintenance.stats()["records"] == 1


def test_an_export_of_vectors_that_a_move_overtakes_stops(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        fill(memory, ada)
        lines = memory.maintenance.export(scope=ada, vectors=True)
        next(lines)
        with Memory.open(tmp_path, embedder=HashEmbedder(32)) as mover:
            mover.maintenance.reembed()
        with pytest.raises(EmbedderMismatch, match="export it again"):
            next(lines)


NOT_NUMBERS = base64.b64encode(np.full(64, np.nan, dtype="<f2").tobytes()).decode()


@pytest.mark.parametrize(
    ("part", "value", "complaint"),
    [
        ("digest", "xyz", "its (digest|keys|history) is malformed"),
        ("keys", [], "its (digest|keys|history) is malformed"),
        ("keys", [{"text": 3}], "its (digest|keys|history) is malformed"),
        ("history", [{"at": 3}], "its (digest|keys|history) is malformed"),
        ("value", "\ud800", "it holds half of a character"),
        ("value", 7, "its value is malformed"),
        ("user", "", "scope: user must be a non-empty text"),
        ("session", 3, "scope: session must be a non-empty text"),
        ("created", "May", "its created is malformed"),
        ("valid_to", "May", "its valid_to is malformed"),
        ("keys", [{"text": "x"}], "a key has no vector, or a malformed one"),
        ("keys", [{"text": "x", "vector": "%"}], "a key has no vector, or a malformed one"),
        ("keys", [{"text": "x", "vector": "AACAPw=="}], "expected vectors of 64 finite numbers"),
        ("keys", [{"text": "x", "vector": NOT_NUMBERS}], "expected vectors of 64 finite numbers"),
    ],
)
def test_a_record_whose_parts_are_not_what_the_store_needs_is_named_by_its_line(
    memory: Memory, ada: Scope, part: str, value: object, complaint: str
) -> None:
    lines = exported(ada)
    lines[2] = json.dumps(json.loads(lines[2]) | {part: value})
    with pytest.raises(InvalidInput, match=f"line 3: .*{complaint}"):
        memory.maintenance.import_(lines)
    assert memory.maintenance.stats()["records"] == 0


def test_a_user_without_a_name_is_refused(memory: Memory, ada: Scope) -> None:
    with pytest.raises(InvalidInput, match="user must be a non-empty text"):
        memory.maintenance.import_(exported(ada), user=" ")


def test_a_header_whose_probe_is_no_vector_is_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="line 1: expected the header's probe"):
        memory.maintenance.import_(['{"memagent": 1, "vectors": true, "probe": "x"}'])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "line 2: expected a JSON object"),
        ("[]", "line 2: expected a JSON object"),
        ("{}", "line 2: expected a record, but it has no 'affirmed'"),
    ],
)
def test_a_line_that_is_no_record_is_named_and_nothing_of_its_batch_is_kept(
    memory: Memory, ada: Scope, line: str, complaint: str
) -> None:
    fill(memory, ada)
    good = list(memory.maintenance.export(scope=ada))
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        with pytest.raises(InvalidInput, match=complaint):
            other.maintenance.import_([good[0], line, *good[1:]])
        with pytest.raises(InvalidInput, match="line 1: expected the header"):
            other.maintenance.import_(["{}"])
        with pytest.raises(InvalidInput, match="line 1: expected a JSON object"):
            other.maintenance.import_([])
        assert other.maintenance.stats()["records"] == 0


@pytest.mark.parametrize("vector", [None, "", "AAAA", "no base64", 7])
def test_a_vector_that_is_none_is_refused(memory: Memory, ada: Scope, vector: object) -> None:
    fill(memory, ada)
    header, *records = memory.maintenance.export(scope=ada, vectors=True)
    broken = json.loads(records[-1])
    broken["keys"][0]["vector"] = vector
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        told = r"line 4: (expected vectors of 64 finite numbers|a key has no vector)"
        with pytest.raises(InvalidInput, match=told):
            other.maintenance.import_([header, *records[:-1], json.dumps(broken)])
        assert other.maintenance.stats()["records"] == 0
