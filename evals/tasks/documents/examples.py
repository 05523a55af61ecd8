"""Few-shot examples for questions about documents, which are in no data set.

They show how short an answer should be. Each arm shows the same ones, each with as much of its
passage as the arm shows of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from memagent.types import Example

Show = Literal["nothing", "sentence", "passage"]
"""Part of a passage that the model is shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentExample:
    """A passage by sentences, its date, and a question that the sentence at `place` answers."""

    sentences: tuple[str, ...]
    place: int
    date: str
    question: str
    answer: str

    def example(self, show: Show, dated: bool) -> Example:
        """Return it as an arm shows it."""
        before = f"{self.date}. " if dated else ""
        evidence: tuple[str, ...] = ()
        if show == "sentence":
            evidence = (before + self.sentences[self.place],)
        elif show == "passage":
            evidence = (before + " ".join(self.sentences),)
        return Example(evidence=evidence, question=self.question, answer=self.answer)


EXAMPLES = (
    DocumentExample(
        sentences=(
            "The lighthouse on Gannet Rock was built from local granite.",
            "The engineer Tobias Wenlock finished it in 1868, after nine years of work.",
            "Its lamp could be seen from 18 miles away.",
            "Today the tower is run without a keeper.",
        ),
        place=1,
        date="Tuesday, June 4, 2013",
        question="In what year was the lighthouse on Gannet Rock finished?",
        answer="1868",
    ),
    DocumentExample(
        sentences=(
            "Sorrel soup is eaten in spring in the valleys of Upper Marn.",
            "The leaves are cooked with potatoes, cream and a little lemon.",
            "Most families serve it with dark rye bread.",
            "A festival in Lower Brack celebrates the dish every April.",
        ),
        place=2,
        date="Friday, April 12, 2019",
        question="What do most families serve with sorrel soup?",
        answer="dark rye bread",
    ),
    DocumentExample(
        sentences=(
            "The council of Port Ellery met for three hours on Monday.",
            "Members chose Judith Okafor-Lindqvist to head the new transport board.",
            "She will begin her work in autumn.",
            "The board has a budget of 40 million crowns.",
        ),
        place=1,
        date="Wednesday, May 20, 2020",
        question="Who heads the transport board of Port Ellery?",
        answer="Judith Okafor-Lindqvist",
    ),
    DocumentExample(
        sentences=(
            "Glass frogs live in the trees along quiet streams.",
            "By day they hide their red blood cells in the liver, which makes them hard to see.",
            "At night they hunt small insects.",
        ),
        place=1,
        date="Thursday, February 9, 2017",
        question="Where do glass frogs hide their red blood cells by day?",
        answer="in the liver",
    ),
    DocumentExample(
        sentences=(
            "The Hallam Bridge closed to cars last winter.",
            "Engineers had found cracks in two of its piers.",
            "Repairs are expected to cost 6.5 million pounds.",
            "Cyclists may still cross it.",
        ),
        place=2,
        date="Monday, March 2, 2015",
        question="How much are the repairs of the Hallam Bridge expected to cost?",
        answer="6.5 million pounds",
    ),
    DocumentExample(
        sentences=(
            "The Brackwater Choir gave its last concert of the season on Sunday.",
            "The Brackwater Choir named Pia Holmquist-Reyes as its new conductor.",
            "It has 60 singers.",
        ),
        place=1,
        date="Saturday, October 10, 2009",
        question="Who is the conductor of the Brackwater Choir?",
        answer="Pia Holmquist-Reyes",
    ),
    DocumentExample(
        sentences=(
            "Wool from the island of Skerrow was sold as far away as Lisbon.",
            "The trade ended when the harbour silted up in the 17th century.",
            "Two warehouses still stand by the old quay.",
        ),
        place=1,
        date="Sunday, August 5, 2018",
        question="When did the wool trade of Skerrow end?",
        answer="17th century",
    ),
    DocumentExample(
        sentences=(
            "The Tamber river rises in the Grey Hills and flows east.",
            "It forms the border between the provinces of Loam and Wester.",
            "Its largest tributary is the Isk.",
        ),
        place=2,
        date="Monday, January 17, 2011",
        question="What is the largest tributary of the Tamber called?",
        answer="the Isk",
    ),
)
"""In this order: an arm with three shows the first three."""


def few_shot_examples(n: int, show: Show, dated: bool) -> Sequence[Example]:
    """Return the first `n` examples as an arm shows them; there are no more than eight."""
    return [example.example(show, dated) for example in EXAMPLES[:n]]
