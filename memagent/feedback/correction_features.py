"""Features of spoken corrections: how a statement stands to a record that it may correct.

They know no language. A lead-in ("No,") is a few words before the first mark, and is compared with
lead-ins of both kinds by meaning; a word counts as held where the
beginnings agree, which does for endings what a stemmer does (McNamee and Mayfield 2004, "Character
N-Gram Tokenization for European Language Text Retrieval", truncation). A value is exchanged where
a word that only the statement has means much the same kind of thing as one that only the record
has, as "Thursday" and "Tuesday" do.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from memagent.embedding.calibration import Calibration
from memagent.text.questions import has_question_mark
from memagent.text.words import query_words

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
FEATURES: Mapping[str, str] = {
    "lead": "whether there is a lead-in",
    "denies": "kind of the lead-in: 1 as of corrections, -1 as of other statements, 0 without",
    "meaning": "likeness of the rest and the record by meaning: 0 unrelated, 1 related",
    "reply": "likeness of the rest and the reply before by meaning",
    "held": "share of the record's words that the rest holds, the long ones weigh more",
    "framed": "share of the rest's words that the record holds in the same order",
    "slots": "how many runs of words differ, as a logarithm",
    "one slot": "framed, where one run of words differs",
    "novel": "share of the rest's words that neither the record nor the turn before has",
    "new": "how many words neither the record nor the turn before has, as a logarithm",
    "share": "share of the word most like one of the record's, among those that only the rest has",
    "exchange": "that likeness by meaning, times share",
    "contrast": "how much more a word is like the record's than like lead-ins, times its share",
    "margin": "how much more that word is like the one of the record's than like its others",
    "number": "whether both have a number that the other has not",
    "last": "whether the record was said in the turn before",
    "session": "whether the record is one of the newest of the session",
    "shown": "whether the turn before asked, and its reply was made from the record",
    "repeats": "share of what the reply answered by the record that the rest holds",
    "answers": "whether the reply before asks",
    "asked": "whether the turn before asked",
    "denied frame": "denies, times the larger of held and framed",
    "denied shown": "denies, where shown",
    "denied answer": "denies, where the reply before asks",
    "denied last": "denies, where the record was said in the turn before",
    "denied novel": "denies, times novel",
    "shown novel": "novel, where shown",
    "shown framed": "framed, where shown",
    "last framed": "framed, where the record was said in the turn before",
    "last held": "held, where the record was said in the turn before",
    "framed novel": "framed, times novel",
    "held framed": "held, times framed",
    "denied exchange": "denies, times exchange",
    "denied contrast": "denies, times contrast",
    "denied margin": "denies, times margin",
    "last share": "share, where the record was said in the turn before",
    "last exchange": "exchange, where the record was said in the turn before",
    "last contrast": "contrast, where the record was said in the turn before",
    "last margin": "margin, where the record was said in the turn before",
}
"""Names of the features in the order of their columns, with what they say."""
LEAD_WORDS = 4
"""Words of a lead-in at most."""
KERNEL = 0.2
"""Width of the kernel about a lead-in, in units of `Calibration.scaled_texts`."""
MIN_NOVEL = 0.2
"""Share of the rest's words that are new, at least; less says only again what was said."""
VALUES = 4
"""Words of each side that are compared with one another, the longest."""
NEAREST = 3
"""Lead-ins whose likeness a word is contrasted with; "thanks" is like some, a value like none."""
MIN_DENIAL = 0.15
"""Least `denies` of a lead-in that is taken for that of a correction."""
STEM = 5
"""Characters by which two words are compared."""
_MARK = re.compile(r"[,;:.!…،؛，、；：。！—–]+\s*|\s-\s")  # noqa: RUF001
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, kw_only=True, slots=True)
class Utterance:
    """A statement of a user, with the turn before: what the user said, and the reply to it."""

    text: str
    said: str = ""
    reply: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A record's text, how many turns ago it was said (0: not lately), and whether it was shown."""

    text: str
    ago: int = 0
    shown: bool = False


class LeadIns:
    """Lead-ins whose kind is known: those of corrections, and those of other statements.

    `corrects` and `others` are their vectors (rows x dimensions), each of length one.
    """

    def __init__(self, corrects: Vectors, others: Vectors, calibration: Calibration) -> None:
        self._groups = corrects, others
        self._calibration = calibration

    def place(self, vector: Vectors) -> float:
        """Return where the vector of a lead-in lies: toward 1 as of corrections, or else -1.

        It is the logarithm of the ratio of two densities, estimated with an exponential kernel.
        """
        corrects, others = (
            logsumexp(self._calibration.scaled_texts(group @ vector) / KERNEL) - np.log(len(group))
            for group in self._groups
        )
        return float(np.tanh(corrects - others))

    def likeness(self, vectors: Vectors) -> Floats:
        """Return how much each vector (rows x dimensions) is like the lead-ins nearest to it."""
        cosines = vectors @ np.concatenate(self._groups).T
        scaled = np.sort(self._calibration.scaled_texts(cosines), axis=1)
        nearest: Floats = scaled[:, -NEAREST:].mean(axis=1)
        return nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """Word that only a statement has and that is most like one that only the record has.

    `value` is that likeness by meaning, in [0, 2]; `FEATURES` says what the others are.
    """

    value: float = 0.0
    share: float = 0.0
    contrast: float = 0.0
    margin: float = 0.0


def plausible(matrix: Floats) -> NDArray[np.bool_]:
    """Return which rows (candidates x FEATURES) may be of a correction: those that add enough."""
    return matrix[:, list(FEATURES).index("novel")] > MIN_NOVEL


def has_denial(matrix: Floats) -> bool:
    """Tell whether a statement (candidates x FEATURES) begins as corrections do."""
    return bool(len(matrix)) and bool(matrix[0, list(FEATURES).index("denies")] > MIN_DENIAL)


def split_lead(text: str) -> tuple[str, str]:
    """Return a statement's lead-in, empty if it has none, and the rest."""
    for mark in _MARK.finditer(text):
        lead, rest = text[: mark.start()].strip(), text[mark.end() :].strip()
        if not query_words(lead):
            continue
        if len(query_words(lead)) > LEAD_WORDS or not query_words(rest):
            break
        return lead, rest
    return "", text.strip()


def features(
    utterance: Utterance,
    candidates: Sequence[Candidate],
    embed: Callable[[Sequence[str]], Vectors],
    calibration: Calibration,
    lead_ins: LeadIns,
) -> Floats:
    """Return the features of a statement with each candidate (candidates x FEATURES).

    `embed` gives texts their vectors (texts x dimensions), each of length one.
    """
    lead, rest = split_lead(utterance.text)
    pairs = [Pair(rest, candidate.text) for candidate in candidates]
    texts = [rest, lead or rest, utterance.reply or rest, *(each.text for each in candidates)]
    words = sorted({word for pair in pairs for word in (*pair.values, *pair.replaced)})
    vectors, of_words = np.split(embed([*texts, *words]), [len(texts)])
    vector_of = dict(zip(words, of_words, strict=True))
    denies = lead_ins.place(vectors[1]) if lead else 0.0
    cosines = calibration.scaled_texts(vectors[2:] @ vectors[0]).clip(-0.5, 2.0)
    answers, asked = has_question_mark(utterance.reply), has_question_mark(utterance.said)
    before = _stems(utterance.reply) | _stems(utterance.said)
    rows = []
    for pair, candidate, meaning in zip(pairs, candidates, cosines[1:], strict=True):
        exchange = _exchange(pair, vector_of, calibration, lead_ins)
        exchanged = exchange.value * exchange.share
        answered = pair.record & _stems(utterance.reply) - _stems(utterance.said)
        last, told = candidate.ago == 1 and not asked, asked and candidate.shown
        novel = _share(pair.rest, pair.rest - pair.record - before)
        rows.append(
            [
                bool(lead),
                denies,
                meaning,
                cosines[0] if utterance.reply else 0.0,
                pair.held,
                pair.framed,
                np.log1p(pair.slots),
                pair.framed * (pair.slots == 1),
                novel,
                np.log1p(len(pair.added - before)),
                exchange.share,
                exchanged,
                exchange.contrast,
                exchange.margin,
                pair.other_number,
                last,
                candidate.ago > 0,
                told,
                _share(answered, pair.rest) if asked else 0.0,
                answers,
                asked,
                denies * max(pair.held, pair.framed),
                denies * told,
                denies * answers,
                denies * last,
                denies * novel,
                told * novel,
                told * pair.framed,
                last * pair.framed,
                last * pair.held,
                pair.framed * novel,
                pair.held * pair.framed,
                denies * exchanged,
                denies * exchange.contrast,
                denies * exchange.margin,
                last * exchange.share,
                last * exchanged,
                last * exchange.contrast,
                last * exchange.margin,
            ]
        )
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def _exchange(
    pair: "Pair", vector_of: Mapping[str, Vectors], calibration: Calibration, lead_ins: LeadIns
) -> Exchange:
    if not (pair.values and pair.replaced):
        return Exchange()
    values, replaced = (
        np.stack([vector_of[word] for word in words]) for words in (pair.values, pair.replaced)
    )
    likeness = calibration.scaled_texts(values @ replaced.T)
    weights = np.array([_weight(word) for word in pair.values]) / pair.weight
    excess = likeness.max(axis=1) - lead_ins.likeness(values)
    clipped = likeness.clip(0.0, 2.0)
    place, other = np.unravel_index(clipped.argmax(), clipped.shape)
    value, rest = clipped[place, other], np.delete(clipped[place], other)
    return Exchange(
        value=float(value),
        share=float(weights[place]),
        contrast=float((excess.clip(0.0) * weights).max()),
        margin=float(value - (rest.mean() if len(rest) else 0.0)),
    )


class Pair:
    """The rest of a statement beside a record: the words they share, and those they do not."""

    def __init__(self, rest: str, record: str) -> None:
        ours, theirs = query_words(rest), query_words(record)
        mine, other = list(map(_stem, ours)), list(map(_stem, theirs))
        self.rest, self.record = set(mine), set(other)
        self.added, self.missing = self.rest - self.record, self.record - self.rest
        new = {word for word in ours if _stem(word) in self.added}
        self.values, self.weight = _longest(new), sum(map(_weight, new))
        self.replaced = _longest(word for word in theirs if _stem(word) in self.missing)
        self.held = _share(self.record, self.rest)
        runs = SequenceMatcher(None, other, mine, autojunk=False).get_opcodes()
        shared = [word for tag, _, _, a, b in runs if tag == "equal" for word in mine[a:b]]
        self.framed = sum(map(_weight, shared)) / max(sum(map(_weight, mine)), 1)
        self.slots = sum(tag != "equal" for tag, *_ in runs)
        self.other_number = all(
            any(map(_DIGIT.search, words)) for words in (self.added, self.missing)
        )

    @property
    def differs(self) -> bool:
        """True if each says something that the other does not; else neither corrects the other."""
        return bool(self.added and self.missing)


def _longest(words: Iterable[str]) -> list[str]:
    return sorted(set(words), key=lambda word: (-_weight(word), word))[:VALUES]


def _share(words: set[str], held: set[str]) -> float:
    return sum(map(_weight, words & held)) / sum(map(_weight, words)) if words else 0.0


def _weight(word: str) -> int:
    """Return how much a word counts; long ones carry more meaning, and so do numbers."""
    return STEM if _DIGIT.search(word) else len(word)


def _stems(text: str) -> set[str]:
    return set(map(_stem, query_words(text)))


def _stem(word: str) -> str:
    return word if _DIGIT.search(word) else word[:STEM]
