"""Articles cut into passages of six sentences, each with its date before it, as released."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from memagent.evals.streaming_files import Article

SENTENCES = 6
"""How many sentences a passage has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """Six sentences of an article; `id` is the article's key and the passage's place in it."""

    id: str
    article: str
    published: datetime
    date: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The passage as released: its date, then its sentences."""
        return f"{self.date}. {'. '.join(self.sentences)}."


def passages(article: Article, size: int = SENTENCES) -> Iterator[Passage]:
    """Yield an article's passages in order.

    Sentences are told apart as in the released code: by ". " alone, once ".\\n" is made that; so
    "Mr. Lee" counts as two.
    """
    text = article.text.replace(".\n", ". ").rstrip()
    sentences = [piece for piece in text.removesuffix(".").split(". ") if piece.strip()]
    for index, start in enumerate(range(0, len(sentences), size)):
        yield Passage(
            id=f"{article.key}_{index}",
            article=article.key,
            published=article.published,
            date=spelled(article.published),
            sentences=tuple(sentences[start : start + size]),
        )


def spelled(day: datetime) -> str:
    """Return a date in words: "Sunday, April 26, 2020"."""
    return f"{day:%A}, {day:%B} {day.day}, {day.year}"
