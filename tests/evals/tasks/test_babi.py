from pathlib import Path

import pytest

from memagent.errors import InvalidInput, RunError
from memagent.evals.tasks import babi
from memagent.evals.tasks.babi.checksums import CHECKSUMS

STORY = (
    "1 Mary moved to the bathroom.\n"
    "2 John went to the hallway.\n"
    "3 Where is Mary? \tbathroom\t1\n"
    "4 Daniel took the milk.\n"
    "5 What is Daniel carrying?\tmilk,apple\t4 1\n"
)


def write(folder: Path, number: int, split: str, text: str) -> Path:
    path = folder / f"qa{number}_some-name_{split}.txt"
    path.write_text(text)
    return path


def test_a_question_knows_what_was_told_before_it(tmp_path: Path) -> None:
    write(tmp_path, 1, "train", STORY)
    write(tmp_path, 1, "test", STORY + STORY)
    task = babi.load(tmp_path, 1, None)
    first, second = task.asked[:2]
    assert (task.split, len(task.asked), len(task.training)) == ("test", 4, 2)
    assert first.question == "Where is Mary?"
    assert first.facts == ((1, "Mary moved to the bathroom."), (2, "John went to the hallway."))
    assert (first.gold, first.supports) == (("bathroom",), (1,))
    assert [line for line, _ in second.facts] == [1, 2, 4]
    assert (second.gold, second.supports) == (("milk", "apple"), (4, 1))
    assert task.asked[2].story != first.story
    assert task.vocabulary == {"bathroom", "milk", "apple"}


def test_of_a_training_file_alone_the_last_fifth_is_asked(tmp_path: Path) -> None:
    write(tmp_path, 2, "train", STORY * 10)
    task = babi.load(tmp_path, 2, None)
    assert (len(task.training), len(task.asked), task.split) == (16, 4, "train, last fifth")
    with pytest.raises(RunError, match="last fifth of"):
        babi.load(tmp_path, 2, "test")


def test_split_train_leaves_the_test_file_alone(tmp_path: Path) -> None:
    write(tmp_path, 1, "train", STORY * 5)
    write(tmp_path, 1, "test", "not in the format")
    assert babi.load(tmp_path, 1, "train").split == "train, last fifth"


def test_bars_in_place_of_tabs_are_read_and_only_task_19_is_ordered(tmp_path: Path) -> None:
    write(tmp_path, 1, "train", STORY.replace("\t", "|") * 5)
    write(tmp_path, 19, "train", STORY * 5)
    assert babi.load(tmp_path, 1, None).asked[0].gold == ("bathroom",)
    assert not babi.load(tmp_path, 1, None).asked[0].ordered
    assert babi.load(tmp_path, 19, None).asked[0].ordered


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Mary moved.", "expected 'ID text', found 'Mary moved.'"),
        ("", "expected 'ID text', found ''"),
        ("3 Mary moved.", "expected line ID 2 or 1, found 3"),
        ("2 Where is Mary?\tbathroom", "expected 'question"),
        ("2 Where is Mary?\t\t1", "expected 'question"),
        ("2 Where is Mary?\tmilk,\t1", "expected 'question"),
        ("2 Where is Mary?\tmilk\t1\t1", "expected 'question"),
        ("2 \tbathroom\t1", "expected 'question"),
        ("1 Where is Mary?\tbathroom\t1", "earlier statements as support, found '1'"),
        ("2 Where is Mary?\tbathroom\t7", "earlier statements as support, found '7'"),
        ("2 Where is Mary?\tbathroom\tx", "earlier statements as support, found 'x'"),
        ("2 Where is Mary?\tbathroom\t", "expected 'question"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = write(tmp_path, 1, "train", f"1 Mary moved.\n{line}\n1 Mary moved.\n")
    with pytest.raises(InvalidInput, match="expected") as caught:
        babi.load(tmp_path, 1, None)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert complaint in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no file qa1_\*_train.txt"):
        babi.load(tmp_path, 1, None)


def test_only_the_tabs_tell_a_question_whatever_the_words(tmp_path: Path) -> None:
    story = "1 Sita baag | mein gayi.\r\n2 Sita kahan hai \tbaag\t1\r\n3 Xkd fgh\u2028jk.\r\n"
    write(tmp_path, 1, "train", story * 5)
    task = babi.load(tmp_path, 1, None)
    assert (len(task.training), len(task.asked)) == (4, 1)
    (sample,) = task.asked
    assert (sample.question, sample.gold) == ("Sita kahan hai", ("baag",))
    assert sample.facts == ((1, "Sita baag | mein gayi."),)


def test_names_keep_their_case_and_supports_their_order(tmp_path: Path) -> None:
    text = "1 Mice are afraid of cats.\n2 Emily is a mouse.\n3 What is emily afraid of?\tcat\t2 1\n"
    write(tmp_path, 15, "train", text * 5)
    (sample,) = babi.load(tmp_path, 15, None).asked
    assert (sample.question, sample.supports) == ("What is emily afraid of?", (2, 1))


def test_an_official_name_over_other_bytes_is_an_edited_task(tmp_path: Path) -> None:
    folder = tmp_path / "en"
    folder.mkdir()
    name = "qa1_single-supporting-fact_train.txt"
    (folder / name).write_text(STORY * 5)
    write(folder, 2, "train", STORY * 5)
    edited, unknown = babi.load(folder, 1, None), babi.load(folder, 2, None)
    assert (edited.source, edited.edited, babi.differing(folder, 1)) == ("edited", (name,), [name])
    assert (unknown.source, unknown.edited, babi.differing(folder, 2)) == ("released", (), [])
    assert [
        len([one for one in CHECKSUMS["en"] if one.startswith(f"qa{n}_")]) for n in babi.TASKS
    ] == [1] * 20


@pytest.mark.parametrize("number", babi.TASKS)
def test_every_released_file_is_read_whole(babi_folder: Path, number: int) -> None:
    task = babi.load(babi_folder, number, None)
    assert len(task.training) + len(task.asked) == 1000
    assert (task.source, task.edited) == ("released", ())
    assert not {one.story for one in task.training} & {one.story for one in task.asked}
    assert all(one.question.endswith("?") for one in task.asked)
    assert all(set(one.supports) <= {line for line, _ in one.facts} for one in task.asked)
    assert task.sha256 == babi.load(babi_folder, number, None).sha256
