"""Sets of questions whose right records are known, to train the shipped ranker on.

A set has records of one type: turns of conversations, passages of documents, or notes. Each of its
corpora (a conversation, an article, a story) is written into a scope of its own, as an application
writes it.
"""

import random
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from memagent.embedding import e5
from memagent.evals.task import Sample
from memagent.evals.tasks.babi import loader as babi
from memagent.evals.tasks.conversations.conversation import Conversation, DataSet
from memagent.evals.tasks.conversations.generator.generate import Style, generate
from memagent.evals.tasks.conversations.generator.phrases import LANGUAGES
from memagent.evals.tasks.conversations.ingestion import messages_of
from memagent.evals.tasks.conversations.loaders import beam
from memagent.evals.tasks.documents import squad
from memagent.evals.tasks.documents.documents import START, Document, DocumentQuestion
from memagent.evals.tasks.documents.streamingqa import loader as streamingqa
from memagent.evals.tasks.documents.streamingqa.generator import write_world
from memagent.memory.memory import Memory
from memagent.recall.features import RecordType
from memagent.text.questions import asks
from memagent.types import NewRecord, Scope

SEEDS = (101, 102)
"""Seeds of generated conversations; evaluations generate with others."""
STYLES: tuple[Style, ...] = ("people", "assistant")
Write = Callable[[Memory, Scope], None]
_NOTEBOOKS = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Question:
    """Question, the ids of the right records, and the group that is never split for a test.

    `asked_at` is when it is asked, of what held then; None asks of all records.
    """

    text: str
    gold: frozenset[str]
    group: str
    asked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Records that are searched together, and questions about them."""

    name: str
    write: Write
    questions: Sequence[Question]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingSet:
    """Corpora of one kind; the sets of one `family` count as much as those of another.

    `embedder` names the one that the set is searched with; None leaves it to the trainer.
    """

    name: str
    family: str
    type: RecordType
    corpora: Sequence[Corpus]
    embedder: str | None = None


def generated(
    languages: Sequence[str] = LANGUAGES, seeds: Sequence[int] = SEEDS
) -> list[RankingSet]:
    """Return generated conversations as turns, and what their users state as notes."""
    found = []
    for language in languages:
        for style in STYLES:
            several = [
                generate(name=language, style=style, language=language, seed=seed) for seed in seeds
            ]
            name = f"{language}, {style}"
            turns = [corpus for data in several for corpus in conversations(data)]
            found.append(
                RankingSet(name=name, family="generated turns", type="turn", corpora=turns)
            )
            notes = [corpus for data in several for corpus in _as_notes(data)]
            found.append(
                RankingSet(name=name, family="generated notes", type="note", corpora=notes)
            )
    return found


def beam_set(folder: Path) -> RankingSet:
    """Return the chats of a folder of BEAM.

    Raises:
        InvalidInput: a file does not have the released layout.
        RunError: there is no chat in the folder.
    """
    corpora = conversations(beam.load(folder))
    return RankingSet(name="beam", family="beam", type="turn", corpora=corpora)


def squad_set(file: Path) -> RankingSet:
    """Return the passages of a file of SQuAD, all articles together.

    Raises:
        InvalidInput: it does not have the released layout.
        RunError: it cannot be read.
    """
    documents, questions = squad.read(file)
    corpus = _passages("squad", documents, [question for question in questions if question.gold])
    return RankingSet(name="squad", family="squad", type="passage", corpora=[corpus])


def streamingqa_set(seed: int = SEEDS[0]) -> RankingSet:
    """Return generated news in the manner of StreamingQA."""
    with tempfile.TemporaryDirectory() as folder:
        write_world(Path(folder), "train", seed=seed)
        tasks = streamingqa.load(Path(folder), "train", "generated", None, seed)
    ages = [tasks[f"{streamingqa.NAME}/{age}"] for age in ("recent", "past")]
    questions = [cast(DocumentQuestion, question) for task in ages for question in task.asked]
    corpus = _passages("streamingqa", ages[0].documents, questions)
    return RankingSet(name="streamingqa", family="streamingqa", type="passage", corpora=[corpus])


def babi_set(folder: Path, tasks: Sequence[int] = babi.TASKS, stories: int = 20) -> RankingSet:
    """Return the last questions of training stories of bAbI; those of a task are one group.

    Raises:
        RunError: the files are not there.
        InvalidInput: a line is malformed.
    """
    corpora = []
    for number in tasks:
        last = {sample.story: sample for sample in babi.load(folder, number, "train").training}
        corpora += [_story(f"babi/{number}", sample) for sample in list(last.values())[:stories]]
    return RankingSet(name="babi", family="babi", type="note", corpora=corpora)


def notebook_sets() -> list[RankingSet]:
    """Return everyday notes in ten languages, asked for in their words, and in others.

    The notes of a language are one corpus, oldest first, and its questions one group. Some notes
    bring an older one up to date: the questions about either want the newer. Only an embedder that
    knows the languages can find a paraphrase, so those sets name one; the words are matched
    whatever the embedder, so they are asked with the usual one, too.
    """
    return [
        RankingSet(
            name=f"notebooks, {name}",
            family=f"notebooks, {name}",
            type="note",
            corpora=[_notebook(file, wording) for file in sorted(_NOTEBOOKS.glob("*.toml"))],
            embedder=embedder,
        )
        for name, wording, embedder in (
            ("paraphrased", "paraphrase", e5.NAME),
            ("same words", "same_words", e5.NAME),
            ("same words, usual embedder", "same_words", None),
        )
    ]


def conversations(data: DataSet) -> list[Corpus]:
    """Return the conversations of a data set with the questions that have gold turns."""
    return [
        Corpus(name=talk.id, write=_turns_of(talk), questions=list(_questions(data, talk)))
        for talk in data.conversations
    ]


def _as_notes(data: DataSet) -> Iterator[Corpus]:
    """Yield conversations as notes: what is stated, without speaker and session."""
    for talk in data.conversations:
        stated = [turn for turn in talk.turns if turn.role == "user" and not asks(turn.text)]
        ids = {turn.id for turn in stated}
        notes = [
            NewRecord(
                text=turn.text, id=turn.id, valid_from=turn.when or START + timedelta(hours=n)
            )
            for n, turn in enumerate(stated)
        ]
        questions = [
            replace(question, gold=question.gold & ids)
            for question in _questions(data, talk)
            if question.gold & ids
        ]
        yield Corpus(name=f"{talk.id} as notes", write=_all_of(notes), questions=questions)


def _questions(data: DataSet, talk: Conversation) -> Iterator[Question]:
    for question in data.questions:
        if question.story == talk.id and question.evidence and not question.unanswerable:
            yield Question(question.question, frozenset(question.evidence), talk.id)


def _turns_of(talk: Conversation) -> Write:
    def write(memory: Memory, scope: Scope) -> None:
        for session, said in talk.sessions().items():
            memory.add_messages(messages_of(said), scope=Scope(scope.user, session=session))

    return write


def _all_of(records: Sequence[NewRecord]) -> Write:
    def write(memory: Memory, scope: Scope) -> None:
        memory.add_many(records, scope=scope)

    return write


def _passages(
    name: str, documents: Sequence[Document], questions: Sequence[DocumentQuestion]
) -> Corpus:
    records = [
        NewRecord(
            text=document.text,
            id=str(document.number),
            valid_from=document.when,
            sources=(document.group,),
        )
        for document in documents
    ]
    asked = [
        Question(
            question.question,
            frozenset(map(str, question.supports)),
            question.group,
            question.asked_at,
        )
        for question in questions
    ]
    return Corpus(name=name, write=_all_of(records), questions=asked)


def _story(group: str, sample: Sample) -> Corpus:
    """Return a story up to its question, and the question."""
    records = [
        NewRecord(text=text, id=str(line), valid_from=START + timedelta(minutes=line))
        for line, text in sample.facts
    ]
    question = Question(sample.question, frozenset(map(str, sample.supports)), group)
    return Corpus(name=sample.id, write=_all_of(records), questions=[question])


def _notebook(file: Path, wording: str) -> Corpus:
    """Return the notes of one language with a question about each, in one of its wordings."""
    rows = tomllib.loads(file.read_text(encoding="utf-8"))["notes"]
    ids = [f"{file.stem}{place:02}" for place in range(1, len(rows) + 1)]
    records = [
        NewRecord(text=row["text"], id=id, valid_from=START + timedelta(days=day))
        for day, (id, row) in enumerate(zip(ids, rows, strict=True))
    ]
    newer = {row["replaces"]: id for id, row in zip(ids, rows, strict=True) if "replaces" in row}
    questions = [
        Question(row[wording], frozenset([newer.get(row.get("id"), id)]), file.stem)
        for id, row in zip(ids, rows, strict=True)
    ]
    return Corpus(name=f"notebook, {file.stem}", write=_all_of(records), questions=questions)


def drawn(found: RankingSet, n: int | None, seed: int) -> list[tuple[Corpus, Question]]:
    """Return at most `n` questions of a set with their corpora: a seeded draw, in order."""
    every = [(corpus, question) for corpus in found.corpora for question in corpus.questions]
    if n is None or n >= len(every):
        return every
    places = random.Random(seed).sample(range(len(every)), n)
    return [every[place] for place in sorted(places)]
