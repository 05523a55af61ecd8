import json
from collections.abc import Callable

import pytest

from memagent.testing import ScriptedChat

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cats(memagent: Command) -> list[str]:
    return [memagent("add", f"cat number {n}")[1].strip() for n in range(3)]


def found(memagent: Command, *options: str) -> list[str]:
    return [hit["id"] for hit in json.loads(memagent("search", "cat", "--json", *options)[1])]


def test_search_filters_and_says_what_it_left_out(memagent: Command, cats: list[str]) -> None:
    code, out, err = memagent("search", "cat", "--min-score", "1")
    assert (code, out, err) == (0, "", "nothing found; 3 below the score of 1\n")
    assert memagent("search", "cat", "--tokens", "4")[2] == "2 over the budget of 4 tokens\n"
    assert found(memagent, "--until", "2020-01-01") == []
    assert len(found(memagent, "--since", "2020-01-01", "--half-life", "30")) == 3
    assert found(memagent, "--as-of", "2020-01-01") == []
    assert found(memagent, "--where", '{"page": 3}') == []
    assert "likeness 1.00" in memagent("search", "cat", "--explain")[1]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("{", "--where is not JSON"),
        ("3", "expected a JSON object, found '3'"),
        ('{"a": {"near": 3}}', "unknown operator 'near'"),
    ],
)
@pytest.mark.parametrize("command", [["search", "cat"], ["list"], ["forget", "--dry-run"]])
def test_a_malformed_filter_is_one_clear_line(
    memagent: Command, command: list[str], where: str, message: str
) -> None:
    code, out, err = memagent(*command, "--where", where)
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


def test_what_is_archived_is_listed_and_restored(memagent: Command, cats: list[str]) -> None:
    assert memagent("pin", cats[0])[1] == "1 record pinned\n"
    told = memagent("retain", "2", "--policy", "fifo", "--dry-run")[1]
    assert told == f"would archive 1 record, 2 stay (1 pinned)\n{cats[1]}\n"
    assert len(found(memagent)) == 3
    plan = json.loads(memagent("retain", "2", "--policy", "fifo", "--json")[1])
    assert plan == {"archived": [cats[1]], "kept": 2, "pinned": 1, "dry_run": False}
    assert cats[1] not in found(memagent)
    assert cats[1] not in memagent("list")[1]
    assert cats[1] in memagent("list", "--all")[1]
    assert memagent("restore", cats[1])[1] == "1 record restored\n"
    assert cats[1] in found(memagent)
    assert memagent("unpin", cats[0])[1] == "1 record unpinned\n"
    assert memagent("retain", "2", "--policy", "newest")[0] == 2


def test_records_are_judged(memagent: Command, cats: list[str]) -> None:
    assert memagent("judge", cats[0], "hurt", "--why", "wrong cat")[1] == "1 record judged\n"
    shown = json.loads(memagent("show", cats[0], "--json")[1])
    assert shown["hurt"] == 1
    assert shown["history"][-1]["why"] == "wrong cat"
    assert memagent("judge", cats[0], "odd")[0] == 2


def test_keys_are_moved_apart_and_back(memagent: Command, cats: list[str]) -> None:
    wanted, other = cats[0], cats[1]
    out = memagent("separate", "number 1", "--wanted", wanted, "--found", other)[1]
    assert out.startswith("wanted 0.")
    assert "apart" in out or "still confused" in out
    assert memagent("move-back", wanted, other)[1] == "2 keys moved back\n"
    code, _, err = memagent("separate", "number 1", "--wanted", wanted, "--found", "x")
    assert (code, "there is no record 'x'" in err) == (1, True)


def test_queries_are_generated(memagent: Command, chat: ScriptedChat, cats: list[str]) -> None:
    chat.script = lambda _: '{"questions": ["Which cat is it?"]}'
    assert memagent("generate-queries", "--limit", "2")[1].startswith("2 records got 2 keys;")
    assert memagent("generate-queries")[1] == "1 record got 1 key; the model failed on 0\n"
