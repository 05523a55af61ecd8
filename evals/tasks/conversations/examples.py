"""Few-shot examples for questions about conversations, which are in no data set.

They show how short an answer should be, that a date is written out, and that what was never said is
"unknown". Each arm shows the same ones, with the turns as it shows those of its own conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from memagent.types import Example


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationExample:
    """Turns as a model is shown them, and a question that they answer, or do not."""

    turns: tuple[str, ...]
    question: str
    answer: str

    def example(self, shows: bool) -> Example:
        """Return it as an arm shows it, which is with its turns or without."""
        return Example(
            evidence=self.turns if shows else (), question=self.question, answer=self.answer
        )


EXAMPLES = (
    ConversationExample(
        turns=(
            "Marisol: How was the weekend?",
            "Anders: Loud. I moved to Graz, and the neighbours were celebrating.",
            "Marisol: My cousin lived in Linz for a while.",
        ),
        question="Which city does Anders live in?",
        answer="Graz",
    ),
    ConversationExample(
        turns=(
            "Marisol: I swim twice a week now, before breakfast.",
            "Anders: My niece plays the oboe. You should hear her!",
        ),
        question="Which instrument does Anders play?",
        answer="unknown",
    ),
    ConversationExample(
        turns=(
            "Anders: Today is 9 May 2021, and I still can't believe it: yesterday my son was born.",
            "Marisol: Congratulations to all of you!",
        ),
        question="When was the son of Anders born?",
        answer="8 May 2021",
    ),
    ConversationExample(
        turns=(
            "Yara: I drive a taxi at night at the moment.",
            "Yara: No more night shifts! I have been hired by the harbour office.",
        ),
        question="Where does Yara work now?",
        answer="the harbour office",
    ),
    ConversationExample(
        turns=(
            "Yara: We spent two days in Malmö, it rained the whole time.",
            "Kofi: In Genoa the sun was shining every day of our holiday.",
            "Yara: Utrecht was better, we hired bicycles.",
        ),
        question="Which cities has Yara been to?",
        answer="Malmö, Utrecht",
    ),
    ConversationExample(
        turns=(
            "Kofi: My grandmother taught me how to knit. She says that it calms the hands.",
            "Kofi: I have finished my third pair of socks.",
        ),
        question="Who taught Kofi how to knit?",
        answer="his grandmother",
    ),
    ConversationExample(
        turns=(
            "user: Which stain remover is safe for wool?",
            "assistant: Gall soap is gentle enough. Dab it on, wait ten minutes, rinse cold.",
        ),
        question="What did the assistant recommend for stains on wool?",
        answer="gall soap",
    ),
    ConversationExample(
        turns=(
            "Kofi: The recital was meant to be on 3 June.",
            "Kofi: They have put the recital off until 17 June, the hall is being painted.",
        ),
        question="On what date was the recital planned at first?",
        answer="3 June",
    ),
)
"""In this order: an arm with three shows the first three."""


def few_shot_examples(n: int, shows: bool) -> Sequence[Example]:
    """Return the first `n` examples, with their turns or without; there are no more than eight."""
    return [example.example(shows) for example in EXAMPLES[:n]]
