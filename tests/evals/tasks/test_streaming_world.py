import base64
import gzip
import json
import random
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memagent.errors import RunError
from memagent.evals.suite import BadOption, Selection
from memagent.evals.tasks.documents.documents import Document, StreamTask, gold_sentences
from memagent.evals.tasks.documents.streamingqa import loader
from memagent.evals.tasks.documents.streamingqa.files import (
    QuestionSplit,
    question_file,
    read_articles,
    read_questions,
    sorting_key,
)
from memagent.evals.tasks.documents.streamingqa.generator import (
    KEYS_FILE,
    SIZES,
    World,
    archive_file,
    article,
    write_world,
)
from memagent.evals.tasks.documents.streamingqa.keys import KeySet
from memagent.evals.tasks.documents.streamingqa.suite import SUITE

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("world")
    write_world(made, "eval")
    return made


def load(folder: Path) -> dict[str, StreamTask]:
    return loader.load(folder, "eval", "generated", None, 0)


def load_split(folder: Path, split: QuestionSplit) -> Sequence[Document]:
    return loader.load(folder, split, "released", None, 0)["streamingqa/recent"].documents


def test_the_same_seed_is_the_same_world_and_another_another() -> None:
    one, same, other = World(1, 3), World(1, 3), World(2, 3)
    assert one.stories == same.stories
    assert [*one.questions()] == [*same.questions()]
    assert one.stories != other.stories
    assert [len(World(0, SIZES[size]).towns) for size in ("small", "medium")] == [12, 60]


def test_what_was_written_is_read_back(folder: Path) -> None:
    world = World(3, SIZES["small"])
    archives = sorted((folder / "wmt").glob("*.gz"))
    found = {one.key: one for path in archives for one in read_articles(path)}
    assert [found[article(story).key] for story in world.stories] == [*map(article, world.stories)]
    assert len(found) > len(world.stories)  # the repeats, which the list leaves out
    kept = KeySet.read(folder / KEYS_FILE)
    assert sum(key in kept for key in found) == len(kept) == len(world.stories)


def test_questions_have_the_released_fields(folder: Path) -> None:
    lines = gzip.decompress((folder / question_file("eval")).read_bytes()).splitlines()
    row = json.loads(lines[0])
    assert list(row)[:9] == [
        "qa_id",
        "question",
        "answers",
        "answers_additional",
        "question_ts",
        "evidence_ts",
        "evidence_id",
        "recent_or_past",
        "written_or_generated",
    ]
    assert sum(name.startswith("toxicity_") for name in row) == 6
    questions = list(read_questions(folder / question_file("eval")))
    assert len(questions) == len(lines)
    assert {len(one.answers) for one in questions} == {3}
    assert {(one.age, one.origin) for one in questions} == {
        (age, origin) for age in ("recent", "past") for origin in ("written", "generated")
    }
    for one in questions:
        assert one.asked_at.year == 2020
        if one.age == "recent":
            assert DAY <= one.asked_at - one.evidence_at <= 31 * DAY
            assert "20" not in one.question
        else:
            assert one.evidence_at.year < 2020
            assert str(one.evidence_at.year) in one.question


def test_a_recent_fact_was_another_before_and_is_another_later() -> None:
    world = World(1, 4)
    for asked in world.questions():
        same = [
            one
            for one in world.stories
            if (one.town, one.office) == (asked.story.town, asked.story.office)
        ]
        assert len({one.person for one in same}) == len(same) > 2
        if asked.age == "recent":
            before = [one for one in same if one.published < asked.asked_at]
            assert before[-1] == asked.story
            assert len(before) > 1


def test_tasks_are_recent_and_past_the_quarters_and_retention(folder: Path) -> None:
    tasks = load(folder)
    assert list(tasks) == [one.name for one in SUITE.members]
    recent, past = tasks["streamingqa/recent"], tasks["streamingqa/past"]
    assert len(recent.asked) == len(past.asked) > 0
    quarters = [tasks[f"streamingqa/q{n}"] for n in (1, 2, 3, 4)]
    assert sum(len(one.asked) for one in quarters) == len(recent.asked) + len(past.asked)
    assert all(one.as_time_passes for one in quarters)
    assert not recent.as_time_passes
    assert len({one.stream for one in (recent, past, *quarters)}) == 1
    for place, quarter in enumerate(quarters):
        for one in quarter.asked:
            asked_at = one.asked_at  # type: ignore[attr-defined]
            assert (asked_at.month - 1) // 3 == place


def test_documents_are_by_date_and_the_gold_one_holds_the_answer(folder: Path) -> None:
    task = load(folder)["streamingqa/recent"]
    assert [one.when for one in task.documents] == sorted(one.when for one in task.documents)
    assert [one.number for one in task.documents] == list(range(1, len(task.documents) + 1))
    assert all(len(one.sentences) == 6 for one in task.documents)
    for one in task.asked:
        assert len(gold_sentences(one, task.documents)) == 1
        (number,) = one.supports
        assert task.documents[number - 1].group == one.group  # type: ignore[attr-defined]


def test_only_so_many_questions_are_drawn_the_same_for_the_same_seed(folder: Path) -> None:
    def drawn(seed: int) -> list[str]:
        tasks = loader.load(folder, "eval", "generated", 20, seed)
        parts = (tasks["streamingqa/recent"], tasks["streamingqa/past"])
        assert sum(len(one.asked) for one in parts) == 20
        assert len({one.group for one in parts[0].documents}) <= 20
        return [one.id for part in parts for one in part.asked]

    assert drawn(1) == drawn(1) != drawn(2)


def test_the_archives_are_read_through_once(tmp_path: Path) -> None:
    write_world(tmp_path, "valid")

    def texts() -> list[str]:
        tasks = loader.load(tmp_path, "valid", "released", None, 0)
        return [one.text for one in tasks["streamingqa/recent"].documents]

    first = texts()
    (selected,) = tmp_path.glob("selected-*.gz")
    (tmp_path / KEYS_FILE).unlink()  # which only the archives need
    assert texts() == first
    changed = tmp_path / "wmt" / "news-docs.2020.en.filtered.gz"
    changed.write_bytes(gzip.compress(gzip.decompress(changed.read_bytes()), compresslevel=1))
    with pytest.raises(RunError, match=KEYS_FILE):  # another archive: read again
        texts()
    assert selected.exists()


def test_a_missing_archive_or_article_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / question_file("eval")).write_bytes((folder / question_file("eval")).read_bytes())
    with pytest.raises(RunError, match=r"no archive news-docs"):
        load(tmp_path)
    (tmp_path / "wmt").mkdir()
    (tmp_path / "wmt" / "news-docs.2007.en.filtered.gz").write_bytes(gzip.compress(b""))
    (tmp_path / KEYS_FILE).write_bytes((folder / KEYS_FILE).read_bytes())
    with pytest.raises(RunError, match=r"none of the \d+ questions has its article"):
        load(tmp_path)


def test_the_suite_reads_files_where_there_are_some_and_else_its_own_world(
    folder: Path, tmp_path: Path
) -> None:
    default = SUITE.load(Selection(data=tmp_path))
    assert [one.name for one in default] == ["streamingqa/recent", "streamingqa/past"]
    assert {one.source for one in default} == {"generated"}
    (tmp_path / "streamingqa").symlink_to(folder)
    released = SUITE.load(Selection(data=tmp_path, tasks="q1, streamingqa/q2"))
    assert [(one.name, one.source) for one in released] == [
        ("streamingqa/q1", "released"),
        ("streamingqa/q2", "released"),
    ]
    assert len(SUITE.load(Selection(tasks="all"))) == len(SUITE.members)


@pytest.mark.parametrize(
    ("wanted", "option"),
    [
        (Selection(split="test"), "--split"),
        (Selection(tasks="q5"), "--tasks"),
        (Selection(variant="huge"), "--variant"),
    ],
)
def test_what_is_none_of_the_choices_names_its_option(wanted: Selection, option: str) -> None:
    with pytest.raises(BadOption) as caught:
        SUITE.load(wanted)
    assert caught.value.option == option


def test_a_named_folder_without_the_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no file streaminqa_eval.jsonl.gz"):
        SUITE.load(Selection(file=tmp_path))


def test_the_recent_begins_where_the_questions_do() -> None:
    assert datetime(2020, 1, 1, tzinfo=UTC) == loader.RECENT


def test_however_many_articles_are_wanted_they_are_not_held_at_once(tmp_path: Path) -> None:
    (tmp_path / "wmt").mkdir()
    day = datetime(2020, 1, 1, tzinfo=UTC)
    rng, keys = random.Random(0), []
    with gzip.open(tmp_path / "wmt" / archive_file(2020), "wb", compresslevel=1) as archive:
        for _ in range(80):
            text = base64.b64encode(rng.randbytes(60_000).hex().encode())
            keys.append(sorting_key(day, text))
            archive.write(b"20200101\t" + text + b"\t" + text + b"\n")
    (tmp_path / KEYS_FILE).write_bytes(gzip.compress("".join(f"{k}\n" for k in keys).encode()))
    for _ in ("the first time", "from the small archive"):
        tracemalloc.start()
        count = sum(1 for _ in loader.articles(tmp_path, keys))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == 80
        assert most < 10_000_000  # of 26 MB


def test_a_folder_that_is_only_read_is_read_through_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_world(tmp_path, "valid")
    whole = load_split(tmp_path, "valid")
    (selected,) = tmp_path.glob("selected-*.gz")
    selected.unlink()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "only read")

    monkeypatch.setattr(Path, "replace", refuse)
    again = load_split(tmp_path, "valid")
    assert [one.text for one in again] == [one.text for one in whole]
    assert not list(tmp_path.glob("selected-*"))
