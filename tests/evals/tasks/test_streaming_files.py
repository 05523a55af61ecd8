import base64
import gzip
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memagent.errors import InvalidInput, RunError
from memagent.evals.tasks.documents.streamingqa.files import (
    Article,
    article_of,
    passages,
    question_file,
    read_articles,
    read_questions,
    sorting_key,
    spelled,
)
from memagent.evals.tasks.documents.streamingqa.keys import KeySet

APRIL = datetime(2020, 4, 26, tzinfo=UTC)
UNSPLIT = b"QW5uIExlZSB3b24u"  # "Ann Lee won." in base64
KEY = (
    "20200426000000000000\0\1"
    # printf QW5uIExlZSB3b24u | sha256sum
    "d99ddd90bbc89b22757c18669ddbd0d507b006fb3feb9785f4c807c3992f4c87"
    "\0\1"
)
ROW = {
    "qa_id": "eval-1",
    "question": "Who won?",
    "answers": ["Ann Lee", "Lee", "A. Lee"],
    "answers_additional": ["Ann"],
    "question_ts": 1588291200,
    "evidence_ts": 1587859200,
    "evidence_id": KEY,
    "recent_or_past": "recent",
    "written_or_generated": "written",
    "toxicity_insult": 0.01,
}


def line(day: str = "20200426", split: str = "Ann Lee won.\n", unsplit: bytes = UNSPLIT) -> bytes:
    return b"\t".join([day.encode(), base64.b64encode(split.encode()), unsplit]) + b"\n"


def test_a_key_is_made_of_the_date_and_the_hash_of_the_third_field_as_it_stands() -> None:
    """Of the base64, not of the text that is in it."""
    assert sorting_key(APRIL, UNSPLIT) == KEY
    assert hashlib.sha256(base64.b64decode(UNSPLIT)).hexdigest() not in KEY
    assert len(KEY) == 20 + 2 + 64 + 2


def test_a_line_made_by_hand_is_read() -> None:
    found = article_of(line(), "here")
    assert found == Article(key=KEY, published=APRIL, text="Ann Lee won.\n")


@pytest.mark.parametrize(
    "bad",
    [b"20200426\tQQ==", b"2020-04-26\tQQ==\tQQ==", b"20201341\tQQ==\tQQ==", b"20200426\tQ\tQQ=="],
)
def test_a_malformed_line_names_its_place(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "news-docs.2020.en.filtered.gz"
    path.write_bytes(gzip.compress(line() + bad + b"\n"))
    articles = read_articles(path)
    assert next(articles).key == KEY
    with pytest.raises(InvalidInput, match=r"news-docs.2020.en.filtered.gz:2: expected"):
        next(articles)


def test_an_archive_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "news.gz"
    path.write_bytes(gzip.compress(line() * 50)[:-20])
    with pytest.raises(RunError, match=r"news.gz cannot be read"):
        list(read_articles(path))


def test_questions_are_read_with_all_that_counts(tmp_path: Path) -> None:
    path = tmp_path / question_file("eval")
    assert path.name == "streaminqa_eval.jsonl.gz"  # spelled as it was released
    path.write_bytes(gzip.compress(json.dumps(ROW).encode() + b"\n"))
    (found,) = read_questions(path)
    assert found.answers == ("Ann Lee", "Lee", "A. Lee")  # without the additional one
    assert (found.evidence_id, found.evidence_at) == (KEY, APRIL)
    assert found.asked_at == datetime(2020, 5, 1, tzinfo=UTC)
    assert (found.age, found.origin) == ("recent", "written")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answers": []}, "expected answers"),
        ({"answers": [" "]}, "expected answers"),
        ({"recent_or_past": "old"}, "recent_or_past"),
        ({"question_ts": "May"}, "seconds since 1970"),
        ({"question_ts": 1e20}, "is no time"),
    ],
)
def test_a_malformed_question_names_its_line(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | change) + "\n")
    with pytest.raises(InvalidInput, match=rf"questions.jsonl:2: .*{said}"):
        list(read_questions(path))
    path.write_text('{"qa_id": 1}\nno JSON\n')
    with pytest.raises(InvalidInput, match=r":1: expected a field 'question'"):
        list(read_questions(path))


def article(text: str) -> Article:
    return Article(key=KEY, published=APRIL, text=text)


def test_passages_have_six_sentences_their_date_and_the_place_in_their_id() -> None:
    text = ".\n".join(f"Sentence {n}" for n in range(1, 9)) + ".\n"
    first, second = passages(article(text))
    assert first.text == (
        "Sunday, April 26, 2020. Sentence 1. Sentence 2. Sentence 3. Sentence 4. Sentence 5."
        " Sentence 6."
    )
    assert second.text == "Sunday, April 26, 2020. Sentence 7. Sentence 8."
    assert (first.id, second.id) == (f"{KEY}_0", f"{KEY}_1")


def test_sentences_end_where_the_released_code_ends_them() -> None:
    """At ". " and at a full stop that ends a line; nowhere else."""
    (found,) = passages(article('Mr. Lee won.\nWhy?\n"So." he said. . Done'))
    assert found.sentences == ("Mr", "Lee won", 'Why?\n"So." he said', "Done")
    assert list(passages(article("\n"))) == []


def test_a_date_is_spelled_without_a_zero() -> None:
    assert spelled(datetime(2007, 1, 5, tzinfo=UTC)) == "Friday, January 5, 2007"


def keys(count: int) -> list[str]:
    return [sorting_key(APRIL, str(n).encode()) for n in range(count)]


def test_a_set_of_keys_holds_these_and_no_others(tmp_path: Path) -> None:
    every = keys(2000)
    held = KeySet.of(every[:1000])
    assert all(key in held for key in every[:1000])
    assert not any(key in held for key in every[1000:])
    assert "no key" not in held
    assert (len(held), held.nbytes) == (1000, 16_000)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("escaped", [True, False])
def test_a_list_of_keys_is_read_raw_and_escaped(
    tmp_path: Path, packed: bool, escaped: bool
) -> None:
    every = keys(50)
    lines = [json.dumps(key)[1:-1] if escaped else key for key in every]
    text = "".join(f"{one}\n" for one in lines).encode()
    path = tmp_path / ("keys.txt.gz" if packed else "keys.txt")
    path.write_bytes(gzip.compress(text) if packed else text)
    held = KeySet.read(path)
    assert len(held) == 50
    assert all(key in held for key in every)


def test_a_line_that_is_no_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text(f"{KEY}\nhello\n")
    with pytest.raises(InvalidInput, match=r"keys.txt:2: expected a sorting key"):
        KeySet.read(path)


def test_the_same_text_of_another_day_is_another_key() -> None:
    held = KeySet.of([KEY])
    assert KEY in held
    assert KEY.replace("20200426", "20200427") not in held


def test_many_keys_take_little_memory(tmp_path: Path) -> None:
    """What 200,000 keys need, by which 11.4 million stay far below 1.5 GB."""
    path = tmp_path / "keys.txt"
    with path.open("w") as file:
        for number in range(200_000):
            file.write(f"20200426000000000000\0\1{number:064x}\0\1\n")
    program = (
        "import resource, sys; from pathlib import Path;"
        "from memagent.evals.tasks.documents.streamingqa.keys import KeySet;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "before = peak(); held = KeySet.read(Path(sys.argv[1]));"
        "print(len(held), (peak() - before) * 1024)"
    )
    asked = [sys.executable, "-c", program, str(path)]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    count, taken = int(told[0]), int(told[1])
    assert count == 200_000
    assert taken / count * 11_393_471 < 1.5e9
