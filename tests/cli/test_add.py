import json
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]


def test_a_text_has_a_time_metadata_and_sources(memagent: Command) -> None:
    options = ["--at", "2026-05-01T12:00Z", "--metadata", '{"page": 3}']
    id = memagent("add", "tea", *options, "--source", "letter", "--source", "book")[1].strip()
    record = json.loads(memagent("show", id, "--json")[1])
    assert record["valid_from"] == "2026-05-01T12:00:00+00:00"
    assert (record["metadata"], record["sources"]) == ({"page": 3}, ["letter", "book"])
    assert memagent("search", "tea", "--as-of", "2026-04-30")[1] == ""
    assert "erased 1 record " in memagent("forget", "--source", "book")[1]


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--at", "soon"], 2, "'soon' is not a time"),
        (["--metadata", "{"], 1, "--metadata is not JSON"),
        (["--metadata", "3"], 1, "--metadata: expected a JSON object, found '3'"),
        (["--jsonl"], 2, "give a text, or else --file or --jsonl"),
    ],
)
def test_a_malformed_option_is_told(
    memagent: Command, options: list[str], code: int, complaint: str
) -> None:
    found, out, err = memagent("add", "tea", *options)
    assert (found, out, complaint in " ".join(err.replace("│", " ").split())) == (code, "", True)
    assert memagent("list")[1] == ""


def test_json_lines_are_whole_records(memagent: Command, tmp_path: Path) -> None:
    lines = [
        {
            "text": "tea",
            "id": "t",
            "keys": ["drink"],
            "metadata": {"page": 3},
            "sources": ["book"],
            "valid_from": "2026-05-01T12:00Z",
            "valid_to": "2026-06-01T12:00Z",
        },
        {"text": "coffee", "role": "assistant", "name": "Bot"},
    ]
    file = tmp_path / "records.jsonl"
    file.write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    out = memagent("add", "--jsonl", "--file", str(file), "--source", "file", "--json")[1]
    tea, coffee = json.loads(out)
    assert (tea["id"], tea["keys"], tea["metadata"]) == ("t", ["drink"], {"page": 3})
    assert (tea["sources"], tea["valid_to"]) == (["book", "file"], "2026-06-01T12:00:00+00:00")
    assert (coffee["role"], coffee["metadata"]["name"]) == ("assistant", "Bot")
    assert coffee["evidence"] is False


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2: not JSON"),
        ("3", "line 2: a JSON object is wanted"),
        ("{}", "line 2: the field 'text' is missing"),
        ('{"text": 3}', "line 2: text: a text is wanted, not 3"),
        ('{"text": ""}', "line 2: text: a text is wanted"),
        ('{"text": "x", "txt": 1}', "line 2: unknown field 'txt'"),
        ('{"text": "x", "keys": "y"}', "line 2: keys: a list of texts is wanted"),
        ('{"text": "x", "sources": [3]}', "line 2: sources: a list of texts is wanted"),
        ('{"text": "x", "metadata": []}', "line 2: metadata: an object is wanted"),
        ('{"text": "x", "valid_from": "soon"}', "line 2: valid_from: a time as ISO 8601 is wanted"),
        ('{"text": "x", "valid_to": 3}', "line 2: valid_to: a time as ISO 8601 is wanted"),
        ('{"text": "x", "role": "bot"}', "line 2: role: one of user, assistant, system, tool"),
        ('{"text": "x", "kind": "odd"}', "line 2: kind: one of episode,"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    memagent: Command, line: str, complaint: str
) -> None:
    code, out, err = memagent("add", "--jsonl", stdin=f'{{"text": "fine"}}\n{line}\n'.encode())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"memagent: {complaint}")
    assert memagent("list")[1] == ""


def test_a_known_text_is_told(memagent: Command) -> None:
    id = memagent("add", "tea")[1]
    assert memagent("add", "tea") == (0, id, "already known\n")
    merged = "already known; its metadata and sources were merged\n"
    assert memagent("add", "tea", "--metadata", '{"page": 3}') == (0, id, merged)
    assert memagent("add", "tea", "--source", "book")[2].startswith("already known; not all was")
    record = json.loads(memagent("show", id.strip(), "--json")[1])
    assert (record["metadata"], record["sources"]) == ({"page": 3}, [])
    noted = memagent("add", "mint", "--source", "book")[1]
    assert memagent("add", "mint", "--source", "diary") == (0, noted, merged)
    assert memagent("add", "mint", "--source", "diary") == (0, noted, "already known\n")
    code, out, err = memagent("add", stdin=b"tea\ncoffee\ncoffee\n")
    assert (code, len(out.split())) == (0, 3)
    assert err == "1 record already known; 1 line repeated\n"


def test_what_is_not_merged_into_a_dated_record_is_told(memagent: Command) -> None:
    dated = ["add", "tea", "--at", "2026-05-01"]
    id = memagent(*dated)[1]
    code, out, err = memagent(*dated, "--source", "book")
    assert (code, out) == (0, id)
    assert err.startswith("already known; not all was merged: a dated record stays as it is")
    assert memagent(*dated)[2] == "already known\n"
