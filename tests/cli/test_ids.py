import json
from collections.abc import Callable

import pytest

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tea(memagent: Command) -> str:
    """The id of a record that says "tea is hot"."""
    return memagent("add", "tea is hot")[1].strip()


@pytest.fixture
def twins(memagent: Command) -> list[str]:
    """Two ids that begin alike."""
    lines = [{"text": f"twin number {n}", "id": f"twin-{n}"} for n in (1, 2)]
    out = memagent("add", "--jsonl", stdin="\n".join(map(json.dumps, lines)).encode())[1]
    return out.split()


TAKE_ONE = [["show"], ["history"], ["edit", "ID", "new"], ["sources"], ["changes", "show"]]
TAKE_ONE += [["changes", "undo"], ["rationales", "show"], ["feedback", "ID", "--good"]]
TAKE_SEVERAL = [["forget"], ["pin"], ["unpin"], ["archive"], ["restore"], ["move-back"]]
TAKE_SEVERAL += [["judge", "ID", "hurt"], ["rationales", "retire"], ["rationales", "restore"]]


def with_ids(command: list[str], *ids: str) -> list[str]:
    place = command.index("ID") if "ID" in command else len(command)
    return [*command[:place], *ids, *command[place + 1 :]]


@pytest.mark.parametrize("command", TAKE_ONE + TAKE_SEVERAL, ids=" ".join)
def test_an_id_that_is_not_there_is_told(memagent: Command, tea: str, command: list[str]) -> None:
    code, out, err = memagent(*with_ids(command, "abc"))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("memagent: there is no ")
    assert "'abc' of user 'me'" in err


@pytest.mark.parametrize("command", TAKE_SEVERAL, ids=" ".join)
def test_one_unknown_id_among_several_changes_nothing(
    memagent: Command, tea: str, command: list[str]
) -> None:
    before = memagent("show", tea, "--json")
    code, out, err = memagent(*with_ids(command, tea, "abc", "abd"))
    assert (code, out) == (1, "")
    assert "s 'abc', 'abd' of user 'me'" in err
    assert memagent("show", tea, "--json") == before


@pytest.mark.parametrize("command", TAKE_ONE + TAKE_SEVERAL, ids=" ".join)
def test_an_ambiguous_prefix_names_the_candidates(
    memagent: Command, twins: list[str], command: list[str]
) -> None:
    code, out, err = memagent(*with_ids(command, "twin"))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "twin-1, twin-2" in err


def test_a_unique_prefix_is_enough(memagent: Command, tea: str) -> None:
    assert "tea is hot" in memagent("show", tea[:8])[1]
    assert memagent("pin", tea[:8]) == (0, "1 record pinned\n", "")
    new = memagent("edit", tea[:13], "tea is cold")[1].strip()
    assert memagent("judge", new, tea, "hurt")[1] == "2 records judged\n"
    assert memagent("forget", new)[0] == 0
    assert memagent("list", "--all")[1] == ""


def test_a_prefix_of_a_few_characters_is_none(memagent: Command, tea: str) -> None:
    assert memagent("forget", tea[:3])[0] == 1
    assert memagent("forget", "")[0] == 1


def test_a_whole_id_wins_over_longer_ones(memagent: Command, twins: list[str]) -> None:
    memagent("add", "--jsonl", stdin=b'{"text": "the first twin\'s pet", "id": "twin-1-pet"}')
    assert "twin number 1" in memagent("show", "twin-1")[1]


@pytest.mark.parametrize(
    "command",
    [
        ["forget", "--source", "letter"],
        ["forget", "--where", '{"page": 3}'],
        ["separate", "tea", "--wanted", "abc", "--found", "abd"],
        ["list", "--after", "abc"],
        ["model", "rm", "abc"],
        ["eval", "report", "abc"],
        ["eval", "compare", "abc", "abd"],
        ["eval", "rescore", "abc"],
        ["eval", "migrate", "abc"],
        ["data", "pull", "abc"],
        ["data", "recipe", "abc"],
        ["import", "abc"],
        ["feedback", "--file", "abc"],
        ["config", "unset", "user"],
        ["config", "unset", "usr"],
    ],
    ids=" ".join,
)
def test_nothing_that_is_not_there_exits_0(memagent: Command, tea: str, command: list[str]) -> None:
    code, out, err = memagent(*command)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("memagent: ")
    assert "tea is hot" in memagent("list")[1]
