"""Random operations over users, agents and sessions, none of which reaches out of its scope."""

import os
from collections import Counter

import pytest
from isolating import Crossing, Isolation

from memagent.stores.database import writer
from memagent.stores.database.reader import Reader
from memagent.types import Scope

OPERATIONS = int(os.environ.get("ISOLATION_OPERATIONS", "1000"))
"""For a long run; 1,500 take a second."""
SEED = int(os.environ.get("ISOLATION_SEED", "11"))


ROUND = 10_000
"""Operations on one memory, before the next begins with a new one."""


@pytest.mark.parametrize("seed", [7, SEED])
def test_no_operation_reaches_out_of_its_scope(seed: int) -> None:
    print(f"ISOLATION_SEED={seed} ISOLATION_OPERATIONS={OPERATIONS}")
    done: Counter[str] = Counter()
    for start in range(0, OPERATIONS, ROUND):
        isolation = Isolation(seed + start)
        isolation.run(min(ROUND, OPERATIONS - start))
        done += isolation.done
    assert done.total() == OPERATIONS
    print(dict(sorted(done.items())))


def test_a_write_that_looks_at_all_that_a_user_has_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seqs_of = writer.seqs_of
    monkeypatch.setattr(
        writer, "seqs_of", lambda store, within, ids: seqs_of(store, Scope(within.user), ids)
    )
    with pytest.raises(Crossing):
        Isolation(7).run(2_000)


def test_a_read_that_looks_at_all_that_a_user_has_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    get = Reader.get
    monkeypatch.setattr(Reader, "get", lambda self, scope, ids: get(self, Scope(scope.user), ids))
    with pytest.raises(Crossing):
        Isolation(7).run(2_000)
