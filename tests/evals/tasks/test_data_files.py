import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from memagent.errors import InvalidInput, ModelUnavailable, RunError
from memagent.evals.tasks import data_files
from memagent.evals.tasks.data_files import ALL, CHECKSUMS_FILE, DataFile, chosen, held, pull

Command = Callable[..., tuple[int, str, str]]
CONTENT = gzip.compress(b"one\ntwo\nthree\n", mtime=0)
FILE = DataFile(name="toy.jsonl.gz", url="https://example.org/toy.jsonl.gz", lines=3)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A network that has the file; returns the URLs that were asked for."""
    urls: list[str] = []

    def fetch(url: str, path: Path, headers: object) -> None:
        if not path.exists():
            urls.append(url)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(CONTENT)

    monkeypatch.setattr(data_files, "fetch", fetch)
    return urls


def test_a_file_is_fetched_once_and_checked_each_time(tmp_path: Path, asked: list[str]) -> None:
    first, again = (pull(tmp_path, "toy", FILE) for _ in range(2))
    assert first == again
    assert (first.bytes, first.lines) == (len(CONTENT), 3)
    assert asked == [FILE.url]
    assert held(tmp_path, "toy", FILE) == tmp_path / "toy" / FILE.name
    assert held(None, "toy", FILE) is None
    kept = json.loads((tmp_path / "toy" / CHECKSUMS_FILE).read_text())
    assert kept == {FILE.name: first.sha256}
    (tmp_path / "toy" / FILE.name).write_bytes(gzip.compress(b"1\n2\n3\n", mtime=0))
    with pytest.raises(RunError, match=r"and had .* before"):
        pull(tmp_path, "toy", FILE)


def test_another_place_is_named_by_its_folder(tmp_path: Path, asked: list[str]) -> None:
    archive = DataFile(name="wmt/news-docs.2007.en.filtered.gz")
    pulled = pull(tmp_path, "toy", archive, "http://mirror.example/news/")
    assert asked == ["http://mirror.example/news/wmt/news-docs.2007.en.filtered.gz"]
    assert pulled.lines == 3


@pytest.mark.usefixtures("asked")
def test_what_has_not_the_released_number_of_lines_is_put_aside(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has 3 lines where 4 were released: it is now .*\.wrong"):
        pull(tmp_path, "toy", replace(FILE, lines=4))
    assert held(tmp_path, "toy", FILE) is None
    assert not (tmp_path / "toy" / CHECKSUMS_FILE).exists()


@pytest.mark.parametrize("lines", [3, None])
def test_a_file_that_is_damaged_is_put_aside_and_can_be_pulled_again(
    tmp_path: Path, asked: list[str], lines: int | None
) -> None:
    """An archive, of which no number of lines is known, is read through as well."""
    file, path = replace(FILE, lines=lines), tmp_path / "toy" / FILE.name
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-9])
    with pytest.raises(RunError, match=r"is damaged .*: it is now .*\.wrong, pull it again"):
        pull(tmp_path, "toy", file)
    assert asked == []
    assert pull(tmp_path, "toy", file).lines == 3
    assert asked == [FILE.url]


def test_without_a_network_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object) -> None:
        raise ModelUnavailable("toy.jsonl.gz: Name or service not known")

    monkeypatch.setattr(data_files, "fetch", fetch)
    with pytest.raises(RunError, match=r"cannot be fetched .*put the file at .*toy/toy.jsonl.gz"):
        pull(tmp_path, "toy", FILE)
    with pytest.raises(RunError, match=r"served apart: put it at .*`memagent data recipe toy`"):
        pull(tmp_path, "toy", replace(FILE, url=""))


def test_only_what_has_an_address_is_fetched_unless_named() -> None:
    names = [one.name for one in chosen("streamingqa", None)]
    assert names == [
        "streaminqa_train.jsonl.gz",
        "streaminqa_valid.jsonl.gz",
        "streaminqa_eval.jsonl.gz",
        "wmt_sorting_key_ids.txt.gz",
    ]
    year = "wmt/news-docs.2020.en.filtered.gz"
    assert [one.name for one in chosen("streamingqa", [year])] == [year]
    with pytest.raises(InvalidInput, match="has no file 'x'"):
        chosen("streamingqa", ["x"])
    assert len([one for one in ALL["streamingqa"] if one.name.startswith("wmt/")]) == 15


def test_the_command_line_lists_pulls_and_refuses(
    memagent: Command, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(data_files.ALL, "toy", (FILE,))
    code, _, err = memagent("data", "pull", "toy")
    assert (code, err) == (1, "memagent: where to? set MEMAGENT_DATA to a folder\n")
    monkeypatch.setenv("MEMAGENT_DATA", str(tmp_path))
    assert "not here" in memagent("data", "list")[1]
    code, out, _ = memagent("data", "pull", "toy")
    assert code == 0
    assert "3 lines, SHA-256 " in out
    assert "0.0 MB" in memagent("data", "list")[1]
    rows = json.loads(memagent("data", "list", "--json")[1])
    (row,) = [row for row in rows if row["data"] == "toy"]
    assert row["path"] == str(tmp_path / "toy" / FILE.name)
    assert row["bytes"] == len(CONTENT)
    assert memagent("data", "pull", "joy")[0] == 1
    assert asked == [FILE.url]


def test_the_recipe_names_every_file_and_its_place(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "into $MEMAGENT_DATA/streamingqa and" in memagent("data", "recipe", "streamingqa")[1]
    monkeypatch.setenv("MEMAGENT_DATA", str(tmp_path))
    code, out, _ = memagent("data", "recipe", "streamingqa")
    assert code == 0
    assert f"{tmp_path}/streamingqa/wmt" in out
    for one in ALL["streamingqa"]:
        year = one.name.split(".")[1]
        assert one.name in out or (year.isdigit() and "news-docs.$year.en.filtered.gz" in out)
    assert memagent("data", "recipe", "joy")[0] == 1


def test_what_is_still_missing_is_told_after_a_pull(
    memagent: Command, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(data_files.ALL, "toy", (FILE, DataFile(name="wmt/apart.gz")))
    monkeypatch.setenv("MEMAGENT_DATA", str(tmp_path))
    code, _, err = memagent("data", "pull", "toy")
    assert code == 0
    assert err.startswith("1 of 2 files are not here (`memagent data list`): `memagent data recipe")
    assert asked == [FILE.url]


@pytest.mark.parametrize("name", ["locomo", "longmemeval", "beam", "personamem"])
def test_conversations_are_listed_and_their_recipe_says_where_they_go(
    name: str, memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMAGENT_DATA", str(tmp_path))
    path = tmp_path / name / ALL[name][0].name
    path.parent.mkdir(parents=True)
    path.write_text("[]")
    rows = json.loads(memagent("data", "list", "--json")[1])
    assert [row["file"] for row in rows if row["path"] == str(path)] == [ALL[name][0].name]
    code, out, _ = memagent("data", "recipe", name)
    assert (code, str(tmp_path / name) in out, "https://" in out) == (0, True, True)
    code, out, err = memagent("data", "pull", name)
    assert (code, out) == (0, "")
    assert (f"`memagent data recipe {name}`" in err) is (len(ALL[name]) > 1)
