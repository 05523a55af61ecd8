from memagent.examples import diverse
from memagent.testing import HashEmbedder
from memagent.types import Example


def example(question: str) -> Example:
    return Example(evidence=(), question=question, answer="x")


def test_the_examples_chosen_are_unlike_each_other_and_always_the_same() -> None:
    alike = [example(f"cat cat cat cat {n}") for n in range(5)]
    unlike = [example("dog dog dog"), example("eel eel eel")]
    chosen = diverse([*alike, *unlike], HashEmbedder(), 3)
    assert chosen[0] in alike
    assert {one.question for one in chosen[1:]} == {"dog dog dog", "eel eel eel"}
    assert chosen == diverse([*alike, *unlike], HashEmbedder(), 3)


def test_few_examples_are_all_taken() -> None:
    assert diverse([example("cat")], HashEmbedder(), 3) == [example("cat")]
