"""Reply without the sentences that a session has heard twice already.

A weak model says some sentences again and again. A reply that begins to is asked for again, with
sampling; what still repeats is left out of it.
"""

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import aclosing, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memagent.models import replies
from memagent.models.replies import Piece, Reply
from memagent.text.questions import asks
from memagent.text.sentences import sentences
from memagent.text.words import query_words
from memagent.types import Call, Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

logger = logging.getLogger(__name__)

MOST = 2
"""Times that a session hears a sentence, at most."""
LEAST_WORDS = 3
"""Words of a sentence that counts, at least: "Of course." may come again."""
TRIES, TEMPERATURE = 4, 0.8
"""Further tries at most, and their temperature; each has a seed of its own."""


def heard(turns: Iterable[tuple[str, str]], question: str) -> list[str]:
    """Return what a reply may not repeat: the replies of a session, and the question itself.

    What was replied to the same question may come again.
    """
    words = query_words(question)
    replied = [reply for said, reply in turns if query_words(said) != words]
    return [*replied, *([question] * MOST if asks(question) else [])]


class SentenceFilter:
    """Filter of a reply that comes in pieces: hands on whole sentences, but for repeated ones.

    `repeats` tells whether one was held back, `text` is what was handed on.
    """

    def __init__(self, before: Iterable[str]) -> None:
        self._counts = Counter(key for reply in before for key in map(_key, _split(reply)))
        self._rest = ""
        self.text = ""
        self.repeats = False

    def feed(self, piece: str) -> str:
        """Take a piece of the reply, and return the sentences that are complete."""
        self._rest += piece
        *whole, self._rest = _split(self._rest) or [""]
        return self._kept(whole)

    def end(self) -> str:
        """Return what is left at the end of the reply."""
        rest, self._rest = self._rest, ""
        return self._kept([rest])

    def _kept(self, whole: Sequence[str]) -> str:
        kept = ""
        for sentence in whole:
            key = _key(sentence)
            if len(key) >= LEAST_WORDS and self._counts[key] >= MOST:
                self.repeats = True
                continue
            self._counts[key] += 1
            kept += sentence
        self.text += kept
        return kept


def _split(text: str) -> list[str]:
    """Return the sentences of a text with the spaces after them."""
    starts = [span.start for span in sentences(text)]
    if starts:
        starts[0] = 0
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _key(sentence: str) -> tuple[str, ...]:
    return tuple(query_words(sentence))


def reply(
    chat: "BaseChatModel",
    messages: "Sequence[BaseMessage]",
    before: Sequence[str],
    *,
    stream: bool = False,
) -> "Generator[Piece]":
    """Yield a reply like `replies.reply`, without a sentence that was heard often enough `before`.

    Raises:
        ContextTooLong: the messages do not fit into the model's context.
        ModelUnavailable: the server does not answer, or refuses.
    """
    tries = _Tries(chat, before)
    while (model := tries.begin()) is not None:
        with closing(replies.reply(model, messages, stream=stream)) as source:
            for piece in source:
                yield from tries.take(piece)
    yield from tries.whole()


async def areply(
    chat: "BaseChatModel",
    messages: "Sequence[BaseMessage]",
    before: Sequence[str],
    *,
    stream: bool = False,
) -> "AsyncGenerator[Piece]":
    """Yield a reply like `reply`; cancelling the reading task closes the connection."""
    tries = _Tries(chat, before)
    while (model := tries.begin()) is not None:
        async with aclosing(replies.areply(model, messages, stream=stream)) as source:
            async for piece in source:
                for fresh in tries.take(piece):
                    yield fresh
    for piece in tries.whole():
        yield piece


class _Tries:
    """Tries of one reply: the first as usual, then some with sampling while nothing was shown."""

    def __init__(self, chat: "BaseChatModel", before: Sequence[str]) -> None:
        self._models = [chat, *_sampling(chat)]
        self._before = before
        self._replies: list[Reply] = []
        self._filter = SentenceFilter(before)
        self._shown = False

    def begin(self) -> "BaseChatModel | None":
        """Return the model of the next try, None if there is no need of one, or none is left."""
        number = len(self._replies)
        if number and (self._shown or not self._filter.repeats or number == len(self._models)):
            return None
        if number:
            logger.info("a reply repeats a sentence, and is asked for again")
            self._filter = SentenceFilter(self._before)
        return self._models[number]

    def take(self, piece: Piece) -> "Generator[Piece]":
        """Take a piece of a try, and yield what can be shown of it.

        Once a sentence repeats, nothing is shown if another try may come.
        """
        if isinstance(piece, Reply):
            self._replies.append(piece)
            fresh = self._filter.end()
            last = len(self._replies) == len(self._models)
        else:
            fresh = self._filter.feed(piece)
            last = len(self._replies) + 1 == len(self._models)
        if fresh and (self._shown or last or not self._filter.repeats):
            self._shown = True
            yield fresh

    def whole(self) -> "Generator[Piece]":
        """Yield the reply as a whole, with what all its tries took."""
        last, answer = self._replies[-1], self._filter.text.strip()
        if last.answer and not answer:  # a turn without a reply would not be remembered
            logger.info("a reply repeats a sentence in every try")
            answer = last.answer
            yield answer
        yield replace(last, answer=answer, call=_sum([reply.call for reply in self._replies]))


def _sampling(chat: "BaseChatModel") -> "list[BaseChatModel]":
    """Return the model with sampling, by its temperature; none where it has no such setting."""
    fields = type(chat).model_fields
    if "temperature" not in fields:
        return []
    settings: list[dict[str, Any]] = [
        {"temperature": TEMPERATURE, **({"seed": seed} if "seed" in fields else {})}
        for seed in range(TRIES)
    ]
    return [chat.model_copy(update=setting) for setting in settings]


def _sum(calls: Sequence[Call]) -> Call:
    """Return what calls cost together; the first piece is that of the first."""
    return Call(
        usage=Usage(
            prompt_tokens=sum(call.usage.prompt_tokens for call in calls),
            completion_tokens=sum(call.usage.completion_tokens for call in calls),
            cached_tokens=sum(call.usage.cached_tokens for call in calls),
            requests=sum(call.usage.requests for call in calls),
        ),
        seconds=sum(call.seconds for call in calls),
        first=calls[0].first,
        waited=sum(call.waited for call in calls),
    )
