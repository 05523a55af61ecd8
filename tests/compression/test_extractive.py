import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from memagent.compression import extractive
from memagent.compression.abstractive import NoteWriter, find_quote, support
from memagent.compression.base import Budget
from memagent.compression.extractive import Extractive, Unit
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.text.english import runs
from memagent.text.sentences import Span, sentences

TEXT = (
    "The town of Ashby lies on a river. Dr. Vera Lund opened the school there in 1902."
    " It was a good thing to do, as everybody said at that time and later. The school was for"
    " everybody, as everybody said."
)


def embed(texts):  # type: ignore[no-untyped-def]
    vectors = np.array(HashEmbedder().embed_documents(list(texts)), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_sentences_end_at_marks_and_lines_but_not_after_initials_and_titles() -> None:
    text = 'Dr. A. Lund came. "Why?" she said.\nno mark here\n\nThe end'
    found = [span.of(text) for span in sentences(text)]
    assert found == ["Dr. A. Lund came.", '"Why?" she said.', "no mark here", "The end"]
    assert sentences("  \n ") == []


def test_runs_leave_out_words_of_grammar_and_keep_full_names_whole() -> None:
    text = "He was made Duke of York by the king, in the year 1385."
    assert [span.of(text) for span in runs(text)] == ["made Duke of York", "king,", "year 1385."]


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("unit", ["runs", "sentences"])
@pytest.mark.parametrize("aware", [True, False])
def test_what_is_kept_is_the_texts_own_and_within_the_budget(
    unit: str, aware: bool, ratio: float
) -> None:
    made = Extractive(embed=embed, unit=unit, aware=aware).compress(TEXT, Budget(ratio=ratio))  # type: ignore[arg-type]
    assert made is not None
    assert 0 < len(made.text) <= ratio * len(TEXT)
    assert list(made.spans) == sorted(made.spans)
    pieces = [span.of(TEXT).rstrip(".,") for span in made.spans]
    assert all(piece in made.text for piece in pieces)


def test_aware_selection_keeps_names_and_numbers_that_plain_salience_may_lose() -> None:
    aware = Extractive(embed=embed).compress(TEXT, Budget(ratio=0.2))
    plain = Extractive(embed=embed, aware=False, unit="sentences")
    assert aware is not None
    assert "1902" in aware.text
    assert "Vera Lund" in aware.text
    kept = plain.compress(TEXT, Budget(ratio=0.6))
    assert kept is not None
    assert "1902" not in kept.text


def test_a_written_question_keeps_the_sentence_that_answers_it() -> None:
    text = (
        "Bread is baked at dawn in every house. Wine is poured at dusk in every house."
        " Milk is drunk warm in every house."
    )
    keep, budget = Extractive(embed=embed, unit="sentences"), Budget(ratio=0.4)
    without = keep.compress(text, budget)
    asked = keep.compress(text, budget, ["Which wine is poured in every house?"])
    assert without is not None
    assert asked is not None
    assert "Wine" not in without.text
    assert "Wine" in asked.text


def test_what_is_repeated_is_kept_once() -> None:
    text = "Olga Brand lives in Riga. Olga Brand lives in Riga. Peter Holm lives in Oslo."
    made = Extractive(embed=embed).compress(text, Budget(ratio=0.65))
    assert made is not None
    assert made.text.count("Olga") == 1
    assert "Peter Holm" in made.text


def test_a_text_within_the_budget_stays_as_it_is_and_nothing_comes_of_nothing() -> None:
    whole = Extractive(embed=embed).compress(TEXT, Budget(ratio=1))
    assert whole is not None
    assert whole.text == TEXT
    assert Extractive(embed=embed).compress("is it at all", Budget(ratio=0.5)) is None


def test_a_budget_is_the_less_of_share_and_tokens() -> None:
    assert Budget(ratio=0.5, tokens=10).chars("x" * 100) == 40
    assert Budget(ratio=0.1, tokens=10).chars("x" * 100) == 10
    assert Budget(ratio=None, tokens=1000).chars("x" * 100) == 100
    with pytest.raises(InvalidInput):
        Budget(ratio=None)


def reply_with(
    *claims: tuple[str, str], entities: tuple[str, ...] = (), dates: tuple[str, ...] = ()
) -> str:
    listed = [{"claim": claim, "quote": quote} for claim, quote in claims]
    return json.dumps({"claims": listed, "entities": entities, "dates": dates})


def test_claims_without_support_are_dropped_and_counted() -> None:
    reply = reply_with(
        ("Vera Lund opened a school", "Dr. Vera  Lund opened the school"),
        ("Ashby lies by the sea near mountains", "The town of Ashby lies"),
        ("The school was opened in 1903", "opened the school there in 1902"),
        entities=("Ashby", "London"),
        dates=("1902", "1903"),
    )
    made = NoteWriter(chat=ScriptedChat([reply])).compress(TEXT, Budget(ratio=0.9))
    assert made is not None
    assert made.text.split("\n") == ["Vera Lund opened a school", "Ashby", "1902"]
    assert made.dropped == 4
    assert [span.of(TEXT) for span in made.spans] == [
        "Dr. Vera Lund opened the school",
        "Ashby",
        "1902",
    ]
    assert made.details == {"kinds": ["claim", "entity", "date"]}


def test_notes_keep_within_the_budget_and_their_text_is_given_as_data() -> None:
    chat = ScriptedChat(
        [reply_with(("Vera Lund opened the school", TEXT[35:70]), entities=("Ashby",))]
    )
    made = NoteWriter(chat=chat).compress(TEXT, Budget(ratio=None, tokens=3))
    assert made is not None
    assert made.text == "Ashby"
    system, human = chat.requests[0]
    assert TEXT not in str(system.content)
    assert f"<text>\n{TEXT}\n</text>" in str(human.content)


@pytest.mark.parametrize("reply", ["no JSON", "{}"])
def test_a_model_that_fails_writes_no_note(reply: str) -> None:
    assert NoteWriter(chat=ScriptedChat([reply])).compress(TEXT, Budget()) is None


@pytest.mark.parametrize(
    ("reply", "dropped"),
    [(reply_with(), 0), (reply_with(("Ashby burns", "nowhere"), dates=("1903",)), 2)],
)
def test_a_note_without_support_is_empty_and_counts_what_was_dropped(
    reply: str, dropped: int
) -> None:
    made = NoteWriter(chat=ScriptedChat([reply])).compress(TEXT, Budget())
    assert made is not None
    assert (made.text, made.spans, made.dropped) == ("", (), dropped)


def test_a_quote_is_found_whatever_its_spaces_and_capitals_but_not_within_a_word() -> None:
    assert find_quote("The  Big\nCat", "big cat") is not None
    assert find_quote("concatenate", "cat") is None
    assert find_quote("a (b", "(b") is not None
    assert find_quote("x", " ") is None
    assert support("the of", "anything") == 0


@pytest.mark.parametrize("unit", ["sentences", "runs"])
@pytest.mark.parametrize("aware", [True, False])
def test_a_long_text_is_compressed_in_linear_work(
    monkeypatch: pytest.MonkeyPatch, unit: Unit, aware: bool
) -> None:
    gains = 0

    def counted(spans: Sequence[Span], limit: float, gain: Any, keep: Any) -> list[Span]:
        def measure(number: int) -> float:
            nonlocal gains
            gains += 1
            return float(gain(number))

        return greedy(spans, limit, measure, keep)

    greedy = extractive._greedy
    monkeypatch.setattr(extractive, "_greedy", counted)
    monkeypatch.setattr(extractive, "BLOCK", 16)
    counts = []
    for size in (100, 400):
        gains, text = 0, " ".join(f"Zoe {number} went home." for number in range(size))
        compressor = Extractive(embed=one_vector, unit=unit, aware=aware)
        note = compressor.compress(text, Budget(ratio=0.5))
        assert note is not None
        assert 0.3 * len(text) < len(note.text) <= 0.5 * len(text)
        counts.append(gains)
    assert counts[1] <= 5 * counts[0]


def one_vector(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.ones((len(texts), 1), dtype=np.float32)
