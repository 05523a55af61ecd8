"""Data files of evaluations: their addresses, checksums and downloads."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from memagent.errors import InvalidInput, ModelUnavailable, RunError
from memagent.evals.tasks.documents.streamingqa.files import QuestionSplit, lines, question_file
from memagent.evals.tasks.documents.streamingqa.generator import KEYS_FILE, archive_file
from memagent.files import write_atomic
from memagent.models.download import fetch

logger = logging.getLogger(__name__)
STREAMINGQA_URL = "https://storage.googleapis.com/dm-streamingqa"
"""Address of the released questions and list of keys."""
WMT_URL = "https://data.statmt.org/news-crawl/doc/en"
"""Address of the archives, which need a user name and a password."""
CHECKSUMS_FILE = "checksums.json"
"""Checksums of files fetched before, by name: the release has none, so these are our own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """A file by its name in the data's folder; `lines` is how many it is known to hold.

    `url` is empty where there is no address that just gives it.
    """

    name: str
    url: str = ""
    lines: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulled:
    """A fetched file: its size, its SHA-256 (hex), and its lines."""

    bytes: int
    sha256: str
    lines: int


RECIPES = {
    "streamingqa": f"""\
1. On a machine with a network, fetch the questions and the list of keys of StreamingQA:
     for file in {" ".join(question_file(split) for split in get_args(QuestionSplit))} \\
         {KEYS_FILE}; do wget -c {STREAMINGQA_URL}/$file; done
2. Fetch the archives of the English WMT News Crawl, split by documents, with the user name and the
   password that its page, https://data.statmt.org/news-crawl, gives:
     for year in $(seq 2007 2021); do wget -c --user NAME --password WORD \\
         {WMT_URL}/news-docs.$year.en.filtered.gz; done
3. Copy the files of step 1 into {{folder}} and those of step 2 into {{folder}}/wmt.
4. `memagent data pull streamingqa` checks those of step 1, and fetches none that is there; with
   --only wmt/news-docs.2020.en.filtered.gz it checks an archive.
Questions whose year has no archive are left out. (The addresses were not tried: see
docs/evaluation/documents.md.)
""",
    "locomo": """\
1. Fetch data/locomo10.json from https://github.com/snap-research/locomo (CC BY-NC 4.0).
2. Put it at {folder}/locomo10.json, or name it with --file.
A published audit's list of corrected labels is named with --corrections.
""",
    "longmemeval": """\
1. Fetch the files that are to be asked from
   https://huggingface.co/datasets/xiaowu0162/longmemeval-cleaned: longmemeval_oracle.json has the
   sessions with evidence alone, longmemeval_s_cleaned.json some 40 sessions for each question, and
   longmemeval_m_cleaned.json some 500 (2.7 GB).
2. Put them into {folder}, and choose with --variant oracle, s or m; or name one with --file.
""",
    "beam": """\
1. Fetch the folder chats from https://github.com/mohammadtavakoli78/BEAM (CC BY-SA 4.0).
2. Put its folders of chats into {folder}, such as {folder}/100K/1/chat.json with
   {folder}/100K/1/probing_questions/probing_questions.json, and choose with --variant 100K, 500K,
   1M or 10M; or name a folder of chats, or of one chat, with --file.
""",
    "personamem": """\
1. Fetch questions_32k.csv and shared_contexts_32k.jsonl, or those of 128k or 1M, from
   https://huggingface.co/datasets/bowen-upenn/PersonaMem.
2. Put them into {folder}, and choose with --variant 32k; or name the questions with --file, the
   contexts beside them.
""",
}
"""Recipes for data that cannot be pulled, by its name; `{{folder}}` is its folder."""
ALL: dict[str, tuple[DataFile, ...]] = {
    "streamingqa": (
        DataFile(
            name=question_file("train"),
            url=f"{STREAMINGQA_URL}/{question_file('train')}",
            lines=99_402,
        ),
        DataFile(
            name=question_file("valid"),
            url=f"{STREAMINGQA_URL}/{question_file('valid')}",
            lines=9_939,
        ),
        DataFile(
            name=question_file("eval"),
            url=f"{STREAMINGQA_URL}/{question_file('eval')}",
            lines=36_378,
        ),
        DataFile(name=KEYS_FILE, url=f"{STREAMINGQA_URL}/{KEYS_FILE}", lines=11_393_471),
        *(DataFile(name=f"wmt/{archive_file(year)}") for year in range(2007, 2022)),
    ),
    "locomo": (DataFile(name="locomo10.json"),),
    "longmemeval": tuple(
        DataFile(name=f"longmemeval_{variant}.json")
        for variant in ("oracle", "s_cleaned", "m_cleaned")
    ),
    "beam": tuple(DataFile(name=f"{size}/1/chat.json") for size in ("100K", "500K", "1M", "10M")),
    "personamem": tuple(
        DataFile(name=name)
        for size in ("32k", "128k", "1M")
        for name in (f"questions_{size}.csv", f"shared_contexts_{size}.jsonl")
    ),
}


def chosen(name: str, files: Sequence[str] | None) -> list[DataFile]:
    """Return the named files; if none are named, those that have an address.

    Raises:
        InvalidInput: one of them is none.
    """
    known = {file.name: file for file in ALL[name]}
    if files is None:
        return [file for file in known.values() if file.url]
    for file in files:
        if file not in known:
            raise InvalidInput(f"{name} has no file {file!r}: there are {', '.join(known)}")
    return [known[file] for file in files]


def held(folder: Path | None, name: str, file: DataFile) -> Path | None:
    """Return where a file lies, None if it is not here."""
    path = None if folder is None else folder / name / file.name
    return path if path is not None and path.is_file() else None


def pull(folder: Path, name: str, file: DataFile, origin: str | None = None) -> Pulled:
    """Fetch a file that is not here, and check it; `origin` is a URL to fetch it from instead.

    A file is right if it can be unpacked to its end, has as many lines as is known, and the SHA-256
    that it had before.

    Raises:
        RunError: it has no address, the server does not give it, or it is not what it was; the
            message says what to do.
    """
    place = folder / name
    path = place / file.name
    url = f"{origin.rstrip('/')}/{quote(file.name)}" if origin else file.url
    if not path.exists() and not url:
        raise RunError(
            f"{file.name} is licensed and served apart: put it at {path}, or name a server that has"
            f" it with --from; `memagent data recipe {name}` says how"
        )
    logger.info("fetching %s", file.name)
    try:
        fetch(url, path, {})
    except ModelUnavailable as error:
        raise RunError(
            f"{file.name} cannot be fetched ({error}): what came is kept and the next try goes on"
            f" from there; without a network, put the file at {path}"
            f" (`memagent data recipe {name}` says how)"
        ) from error
    return _checked(place, path, file)


def _checked(place: Path, path: Path, file: DataFile) -> Pulled:
    """Compare a file with what is known of it; one that is something else is put aside."""
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    known = _checksums(place)
    if known.get(file.name, digest) != digest:
        raise RunError(
            f"{path} has SHA-256 {digest}, and had {known[file.name]} before: delete it and pull it"
            f" again, or, if it was meant to change, its line in {place / CHECKSUMS_FILE}"
        )
    try:
        count = sum(1 for _ in lines(path))
    except RunError as error:
        aside = _put_aside(path)
        raise RunError(
            f"{file.name} is damaged ({error}): it is now {aside}, pull it again"
        ) from error
    if file.lines is not None and count != file.lines:
        raise RunError(
            f"{file.name} has {count:,} lines where {file.lines:,} were released: it is now"
            f" {_put_aside(path)}"
        )
    text = json.dumps(known | {file.name: digest}, indent=2) + "\n"
    write_atomic(place / CHECKSUMS_FILE, text)
    return Pulled(bytes=path.stat().st_size, sha256=digest, lines=count)


def _put_aside(path: Path) -> Path:
    """Rename a file that is not what it is called, so that it can be fetched again."""
    return path.rename(path.with_name(f"{path.name}.wrong"))


def _checksums(place: Path) -> dict[str, str]:
    try:
        held: dict[str, str] = json.loads((place / CHECKSUMS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise RunError(f"{place / CHECKSUMS_FILE} is no JSON: delete it") from error
    return held
