from memagent.learning.few_shot import diverse_examples, form
from memagent.testing import HashEmbedder
from memagent.types import Example


def example(question: str, answer: str = "x") -> Example:
    return Example(evidence=(), question=question, answer=answer)


def chosen(examples: list[Example], n: int = 3) -> list[Example]:
    return diverse_examples(examples, HashEmbedder(), n)


def test_the_examples_chosen_are_unlike_each_other_and_always_the_same() -> None:
    alike = [example(f"cat cat cat {n}") for n in range(5)]
    unlike = [example("dog dog dog dog"), example("eel eel eel eel")]
    found = chosen([*alike, *unlike])
    assert found[0] in alike
    assert {one.question for one in found[1:]} == {"dog dog dog dog", "eel eel eel eel"}
    assert found == chosen([*alike, *unlike])


def test_every_form_of_question_has_an_example_the_most_frequent_first() -> None:
    where = [example(f"Where is {name}?") for name in ("Zoe", "Ana", "Eva", "Ida")]
    whose = [example(f"Whose is the {thing}?") for thing in ("ring", "coat")]
    found = chosen([*whose, example("Why did Zoe run?"), *where])
    assert [one.question.split()[0] for one in found] == ["Where", "Whose", "Why"]
    assert chosen([*whose, *where], 1)[0] in where


def test_of_one_form_every_answer_has_an_example() -> None:
    no = [example(f"Is {name} in Rome?", "no") for name in ("Zoe", "Ana", "Eva", "Ida")]
    yes = example("Is Zoe in Rome?", "yes")
    assert {one.answer for one in chosen([*no, yes], 2)} == {"no", "yes"}
    assert [one.answer for one in chosen([*no, yes], 4)].count("yes") == 1


def test_the_form_of_a_question_leaves_out_what_it_is_about() -> None:
    assert form("Is Zoe in the garden?") == form("Is Ana in the car?")
    assert form("Who did Zoe call?") != form("Who called Zoe?")


def test_few_examples_are_all_taken() -> None:
    assert chosen([example("cat")]) == [example("cat")]
