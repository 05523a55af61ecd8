"""Cases of forgetting by request: notes, a request, and which of the notes it means.

In the manner of ForgetEval (arXiv 2606.15903), with texts of our own: a request in the words of the
note or in others, an identifier in another spelling, another language, look-alikes that must stay.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from memagent.evals.task import Sample
from memagent.evals.tasks.forgetting.spellings import SPELLINGS
from memagent.evals.tasks.forgetting.topics import LANGUAGES, Templates, Topic

KINDS = {
    "direct": "in the words of the note, or of two; a reply may repeat it",
    "paraphrased": "in other words than those of the note",
    "obfuscated": "an identifier in another spelling",
    "cross-lingual": "in another language than the note",
    "look-alike": "beside the same of other people, and the same words for another thing",
    "absent": "nothing of it was ever noted, only look-alikes",
    "superseded": "what held before a change, or what holds since",
    "compound": "the note holds another fact as well",
}
NOTES = 12
"""Notes of a case beside the targets and look-alikes."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note: who said it, and what."""

    text: str
    role: str = "user"


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgetCase(Sample):
    """A request, the notes in the order they were said, and the places (from 1) of those meant.

    `supports` are the places. `gone` are the words that no note may hold afterwards, `kept` those
    that one must, and `along` other facts in the notes that are meant, which go with them. With
    `probed` deletion probes search for what was erased.
    """

    notes: tuple[Note, ...]
    gone: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    along: tuple[str, ...] = ()
    probed: bool = False


@dataclass(slots=True)
class _Draft:
    """Draft of a case: a request, the notes that it means, and look-alikes, in order."""

    request: str
    notes: list[Note]
    meant: set[Note]
    gone: list[str]
    kept: list[str]
    along: list[str] = field(default_factory=list)
    unrelated: list[Note] | None = None


def cases(
    kind: str, templates: Templates, count: int, seed: str, probed: int = 0
) -> Iterator[ForgetCase]:
    """Yield so many cases of a kind, the first few probed; the same seed gives the same."""
    for number in range(count):
        rng = random.Random(f"forgetting-{seed}-{kind}-{number}")
        topic = templates.topics[number % len(templates.topics)]
        draft = _DRAWS[kind](rng, templates, topic)
        case = _case(f"forgetting/{kind}/{number}", kind, draft, rng, templates, topic)
        yield replace(case, probed=number < probed)


def _case(
    id: str, kind: str, draft: _Draft, rng: random.Random, templates: Templates, topic: Topic
) -> ForgetCase:
    """Put the notes of a draft among unrelated ones, in their order."""
    notes = list(_unrelated(rng, templates, topic) if draft.unrelated is None else draft.unrelated)
    places = sorted(rng.sample(range(len(notes) + len(draft.notes)), len(draft.notes)))
    for place, note in zip(places, draft.notes, strict=True):
        notes.insert(place, note)
    supports = tuple(n for n, note in enumerate(notes, start=1) if note in draft.meant)
    return ForgetCase(
        id=id,
        story=id,
        facts=tuple((n, note.text) for n, note in enumerate(notes, start=1)),
        question=draft.request,
        gold=tuple(map(str, supports)),
        supports=supports,
        category=kind,
        notes=tuple(notes),
        gone=tuple(draft.gone),
        kept=tuple(draft.kept),
        along=tuple(draft.along),
    )


def _unrelated(rng: random.Random, templates: Templates, topic: Topic) -> list[Note]:
    """Return notes on other topics, of the person and of others, and on nothing in particular."""
    others = rng.sample([other for other in templates.topics if other != topic], 5)
    said = [rng.choice(other.said).format(rng.choice(other.values)) for other in others[:4]]
    said.append(_of_another(rng, templates, others[4], rng.choice(others[4].values)))
    said += rng.sample(templates.fillers, NOTES - len(said))
    return [Note(text) for text in rng.sample(said, len(said))]


def _of_another(rng: random.Random, templates: Templates, topic: Topic, value: str) -> str:
    return _sentence(topic.others.format(value, name=rng.choice(templates.names)))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _wish(rng: random.Random, templates: Templates, what: str) -> str:
    return rng.choice(templates.wishes).format(what)


def _direct(rng: random.Random, templates: Templates, topic: Topic) -> _Draft:
    return _plain(rng, templates, topic, _wish(rng, templates, rng.choice(topic.asked)))


def _paraphrased(rng: random.Random, templates: Templates, topic: Topic) -> _Draft:
    return _plain(rng, templates, topic, _wish(rng, templates, rng.choice(topic.reworded)))


def _plain(rng: random.Random, templates: Templates, topic: Topic, request: str) -> _Draft:
    """Return one note, in every third case with a reply that repeats it, or with a second note."""
    values = rng.sample(topic.values, 2)
    said = rng.sample(topic.said, 2)
    notes = [Note(said[0].format(values[0]))]
    more = rng.choice(("alone", "repeated", "second"))
    if more == "repeated":
        notes.append(Note(topic.reply.format(values[0]), "assistant"))
    if more == "second":
        notes.append(Note(said[1].format(values[1])))
    gone = values if more == "second" else values[:1]
    return _Draft(request, notes, set(notes), gone, [])


def _obfuscated(rng: random.Random, templates: Templates, topic: Topic) -> _Draft:
    """Return a note with an identifier, others of its kind, and a request in another spelling."""
    kind, template = rng.choice(list(templates.identified.items()))
    names = rng.sample(templates.names, 3)
    drawn: list[Sequence[str]] = []
    while len(drawn) < len(names):
        spellings = SPELLINGS[kind](rng)
        others = [text for before in drawn for text in before]
        if not any(one in other or other in one for one in spellings for other in others):
            drawn.append(spellings)
    noted, named = rng.sample(range(len(drawn[0])), 2)
    spelled = [drawn[0][noted], *(rng.choice(spellings) for spellings in drawn[1:])]
    notes = [
        Note(_sentence(template.format(text, name=name)))
        for name, text in zip(names, spelled, strict=True)
    ]
    request = rng.choice(templates.naming).format(drawn[0][named])
    # At the start of a note the first word of an identifier in words is a capital.
    gone, *kept = (
        text if text in note.text else note.text for text, note in zip(spelled, notes, strict=True)
    )
    return _Draft(request, rng.sample(notes, 3), {notes[0]}, [gone], kept)


def _crossing(rng: random.Random, templates: Templates, topic: Topic) -> _Draft:
    """Return English notes and a request in another language, or the other way about."""
    language = rng.choice(LANGUAGES)
    value = rng.choice(topic.values)
    said, asked = topic.translated[language]
    if rng.random() < 1 / 2:
        note = Note(rng.choice(topic.said).format(value))
        return _Draft(asked, [note], {note}, [value], [])
    others = [other for other in templates.topics if other != topic]
    unrelated = [
        Note(other.translated[language][0].format(rng.choice(other.values))) for other in others
    ]
    note = Note(said.format(value))
    request = _wish(rng, templates, rng.choice(topic.asked))
    return _Draft(
        request, [note], {note}, [value], [], unrelated=rng.sample(unrelated, len(others))
    )


def _beside(rng: random.Random, templates: Templates, topic: Topic) -> _Draft:
    """Return a note beside the same of two others, and beside its words for another thing."""
    mine, *theirs = rng.sample(topic.values, 3)
    first, second = rng.sample(templates.names, 2)
    meant = Note(rng.choice(topic.said).format(mine))
    alike = [
        Note(_sentence(topic.others.format(value, name=name)))
        for value, name in zip(theirs, (first, second), strict=True)
    ]
    notes = [meant, *alike, Note(topic.alike)]
    request = _wish(rng, templates, rng.choice(topic.asked))
    return _Draft(request, rng.sample(notes, 4), {meant}, [mine], [*theirs, topic.alike])


def _absent(rng: random.Random, templates: Templates, topic: Topic) -> _Draft:
    """Return a request for something that was never noted, half of them beside look-alikes."""
    notes = []
    if rng.random() < 1 / 2:
        value = rng.choice(topic.values)
        notes = [Note(_of_another(rng, templates, topic, value)), Note(topic.alike)]
    request = _wish(rng, templates, rng.choice(topic.asked))
    return _Draft(request, notes, set(), [], [note.text for note in notes])


def _superseded(rng: random.Random, templates: Templates, topic: Topic) -> _Draft:
    """Return a note, the note of a change, and a request for one of the two."""
    old, new = rng.sample(topic.values, 2)
    notes = [Note(rng.choice(topic.said).format(old)), Note(topic.changed.format(new))]
    if rng.random() < 1 / 3:
        return _Draft(_wish(rng, templates, topic.now), notes, {notes[1]}, [new], [old])
    request = _wish(rng, templates, rng.choice(topic.before))
    return _Draft(request, notes, {notes[0]}, [old], [new])


def _compound(rng: random.Random, templates: Templates, topic: Topic) -> _Draft:
    """Return a note that holds a fact on another topic as well."""
    other = rng.choice([other for other in templates.topics if other != topic])
    value, more = rng.choice(topic.values), rng.choice(other.values)
    said = [rng.choice(topic.said).format(value), rng.choice(other.said).format(more)]
    note = Note(" ".join(rng.sample(said, 2)))
    request = _wish(rng, templates, rng.choice(topic.asked))
    return _Draft(request, [note], {note}, [value], [], along=[more])


_DRAWS: dict[str, Callable[[random.Random, Templates, Topic], _Draft]] = {
    "direct": _direct,
    "paraphrased": _paraphrased,
    "obfuscated": _obfuscated,
    "cross-lingual": _crossing,
    "look-alike": _beside,
    "absent": _absent,
    "superseded": _superseded,
    "compound": _compound,
}
