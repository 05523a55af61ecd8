"""Few-shot examples for questions about conversations, which are in no data set.

They show how short an answer should be, that a date is written out, and that what was never said is
"unknown". Each arm shows the same ones, with the turns as it shows those of its own conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memagent.evals.tasks.conversations.conversation import Turn
from memagent.records import local_day
from memagent.types import Example


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationExample:
    """Turns with their dates, and a question that they answer, or do not.

    `undated` are the turns where conversations have no dates, if an answer takes one.
    """

    turns: tuple[Turn, ...]
    question: str
    answer: str
    undated: tuple[Turn, ...] = ()

    def example(self, shows: bool, dated: bool) -> Example:
        """Return it as an arm shows it: with its turns or without, and with dates or without."""
        turns = self.turns if dated else self.undated or self.turns
        if not dated:
            turns = tuple(replace(turn, when=None) for turn in turns)
        last = turns[-1].when
        return Example(
            evidence=tuple(turn.line for turn in turns) if shows else (),
            question=self.question,
            answer=self.answer,
            today=local_day(last) if shows and last else None,
        )


def _said(name: str, text: str, day: str = "2021-05-09") -> Turn:
    """Return a turn of a person, or of the user or the assistant of a chat."""
    role = name if name in ("user", "assistant") else "user"
    return Turn(
        id=day,
        session=day,
        role="assistant" if role == "assistant" else "user",
        name="" if name == role else name,
        text=text,
        when=datetime.fromisoformat(f"{day} 12:00"),
    )


EXAMPLES = (
    ConversationExample(
        turns=(
            _said(
                "Kofi",
                "My grandmother taught me how to knit. She says that it calms the hands.",
                "2017-02-11",
            ),
            _said("Kofi", "I have finished my third pair of socks.", "2017-03-25"),
        ),
        question="Who taught Kofi how to knit?",
        answer="his grandmother",
    ),
    ConversationExample(
        turns=(
            _said("Yara", "I drive a taxi at night at the moment.", "2019-01-15"),
            _said(
                "Yara",
                "No more night shifts! I have been hired by the harbour office.",
                "2019-04-02",
            ),
        ),
        question="Where does Yara work now?",
        answer="the harbour office",
    ),
    ConversationExample(
        turns=(
            _said("Marisol", "I swim twice a week now, before breakfast.", "2020-10-02"),
            _said("Anders", "My niece plays the oboe. You should hear her!", "2020-11-19"),
        ),
        question="Which instrument does Anders play?",
        answer="unknown",
    ),
    ConversationExample(
        turns=(
            _said("Marisol", "How was the weekend?", "2022-03-06"),
            _said(
                "Anders",
                "Loud. I moved to Graz, and the neighbours were celebrating.",
                "2022-03-06",
            ),
            _said("Marisol", "My cousin lived in Linz for a while.", "2022-03-20"),
        ),
        question="Which city does Anders live in?",
        answer="Graz",
    ),
    ConversationExample(
        turns=(
            _said("Anders", "I still can't believe it: yesterday my son was born.", "2021-05-09"),
            _said("Marisol", "Congratulations to all of you!", "2021-05-10"),
        ),
        question="When was the son of Anders born?",
        answer="8 May 2021",
        undated=(
            _said(
                "Anders",
                "Today is 9 May 2021, and I still can't believe it: yesterday my son was born.",
            ),
            _said("Marisol", "Congratulations to all of you!"),
        ),
    ),
    ConversationExample(
        turns=(
            _said("Yara", "We spent two days in Malmö, it rained the whole time.", "2018-07-22"),
            _said("Kofi", "In Genoa the sun was shining every day of our holiday.", "2018-08-30"),
            _said("Yara", "Utrecht was better, we hired bicycles.", "2018-09-14"),
        ),
        question="Which cities has Yara been to?",
        answer="Malmö, Utrecht",
    ),
    ConversationExample(
        turns=(
            _said("user", "Which stain remover is safe for wool?", "2024-06-18"),
            _said(
                "assistant",
                "Gall soap is gentle enough. Dab it on, wait ten minutes, rinse cold.",
                "2024-06-18",
            ),
        ),
        question="What did the assistant recommend for stains on wool?",
        answer="gall soap",
    ),
    ConversationExample(
        turns=(
            _said("Kofi", "The recital was meant to be on 3 June.", "2022-04-08"),
            _said(
                "Kofi",
                "They have put the recital off until 17 June, the hall is being painted.",
                "2022-05-12",
            ),
        ),
        question="On what date was the recital planned at first?",
        answer="3 June",
    ),
)
"""In this order: an arm with three shows the first three."""


def few_shot_examples(n: int, shows: bool, *, dated: bool) -> Sequence[Example]:
    """Return the first `n` examples, with their turns or without; there are no more than eight.

    `dated` says that the conversations asked about have dates.
    """
    return [example.example(shows, dated) for example in EXAMPLES[:n]]
