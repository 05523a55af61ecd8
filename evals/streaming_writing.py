"""Writes a generated world as files in StreamingQA's released format."""

import base64
import gzip
import json
from collections import defaultdict
from pathlib import Path

from memagent.evals.streaming_files import (
    Article,
    QuestionSplit,
    article_of,
    question_file,
    sorting_key,
)
from memagent.evals.streaming_world import SEEDS, SIZES, Asked, Story, World

KEYS_FILE = "wmt_sorting_key_ids.txt.gz"
TOXICITY = (
    "toxicity_identity_attack",
    "toxicity_insult",
    "toxicity_profanity",
    "toxicity_severe_toxicity",
    "toxicity_sexually_explicit",
    "toxicity_threat",
)


def archive_file(year: int) -> str:
    """Return what a year's archive of articles is called."""
    return f"news-docs.{year}.en.filtered.gz"


def write_world(folder: Path, split: QuestionSplit, size: str = "small", seed: int = 0) -> None:
    """Write a split's questions, the archives it is about, and the list of keys to keep.

    Every twelfth article stands twice in its archive, the second time under another key that the
    list does not have, as the released list leaves repeats out.
    """
    world = World(SEEDS[split] + 10 * seed, SIZES[size])
    (folder / "wmt").mkdir(parents=True, exist_ok=True)
    years: defaultdict[int, list[bytes]] = defaultdict(list)
    keys = []
    for number, story in enumerate(world.stories):
        line = archive_line(story)
        years[story.published.year].append(line)
        keys.append(key_of(story))
        if number % 12 == 0:
            years[story.published.year].append(_repeated(story))
    for year, lines in years.items():
        _pack(folder / "wmt" / archive_file(year), b"".join(lines))
    _pack(folder / KEYS_FILE, "".join(f"{key}\n" for key in keys).encode())
    rows = [
        json.dumps(_row(asked, f"{split}-{number}", split)) + "\n"
        for number, asked in enumerate(world.questions())
    ]
    _pack(folder / question_file(split), "".join(rows).encode())


def archive_line(story: Story) -> bytes:
    """Return a story as a line of an archive."""
    split = ".\n".join(story.sentences) + ".\n"
    return _line(story, split, _unsplit(story))


def key_of(story: Story) -> str:
    """Return the sorting key of a story."""
    return sorting_key(story.published, base64.b64encode(_unsplit(story).encode()))


def article(story: Story) -> Article:
    """Return a story as it is read back from an archive."""
    return article_of(archive_line(story), "generated")


def _unsplit(story: Story) -> str:
    return ". ".join(story.sentences) + "."


def _repeated(story: Story) -> bytes:
    split = ".\n".join(story.sentences) + ".\n"
    return _line(story, split, _unsplit(story) + " ")


def _line(story: Story, split: str, unsplit: str) -> bytes:
    day = story.published.strftime("%Y%m%d").encode()
    fields = [day, base64.b64encode(split.encode()), base64.b64encode(unsplit.encode())]
    return b"\t".join(fields) + b"\n"


def _row(asked: Asked, id: str, split: QuestionSplit) -> dict[str, object]:
    """Return a question in the released schema; only of `eval` three references are known."""
    many = split == "eval"
    return {
        "qa_id": id,
        "question": asked.question,
        "answers": list(asked.answers if many else asked.answers[:1]),
        "answers_additional": list(asked.answers[:1] if many else ()),
        "question_ts": int(asked.asked_at.timestamp()),
        "evidence_ts": int(asked.story.published.timestamp()),
        "evidence_id": key_of(asked.story),
        "recent_or_past": asked.age,
        "written_or_generated": asked.origin,
        **dict.fromkeys(TOXICITY, 0.0),
    }


def _pack(path: Path, content: bytes) -> None:
    """Write a packed file that is the same for the same content, whenever it is written."""
    path.write_bytes(gzip.compress(content, mtime=0))
