import re
from collections import Counter

import pytest

from memagent.evals import babi
from memagent.evals.babi_world import GENERATED, generate
from memagent.evals.task import Sample

MOVE = re.compile(r"(\w+) (?:went to|went back to|travelled to|journeyed to|moved to) the (\w+)\.")
GET = re.compile(r"(\w+) (?:got|took|grabbed|picked up) the (\w+)(?: there)?\.")
DROP = re.compile(r"(\w+) (?:left|dropped|discarded|put down) the (\w+)(?: there)?\.")


def solve(sample: Sample) -> tuple[str, set[int]]:
    """Answer a question from the told lines alone, in another way than the generator."""
    asked = re.fullmatch(r"Where is (?:the )?(\w+)\?", sample.question)
    assert asked
    target, told = asked[1], list(sample.facts)
    until = told[-1][0] + 1
    support = set()
    handled = [
        (line, found[1], verb is DROP)
        for line, text in told
        for verb in (GET, DROP)
        if (found := verb.fullmatch(text)) and found[2] == target
    ]
    if handled:
        line, target, dropped = handled[-1]
        support, until = {line}, line if dropped else until
    moves = [
        (line, found[2])
        for line, text in told
        if line < until and (found := MOVE.fullmatch(text)) and found[1] == target
    ]
    return moves[-1][1], support | {moves[-1][0]}


@pytest.mark.parametrize("number", GENERATED)
def test_an_independent_solver_agrees_with_every_generated_question(number: int) -> None:
    task = babi.load(None, number, None)
    assert (task.source, len(task.asked), len(task.training)) == ("generated", 1000, 1000)
    for sample in (*task.asked, *task.training):
        assert (sample.gold[0], set(sample.supports)) == solve(sample)


@pytest.mark.parametrize("number", GENERATED)
def test_the_same_seed_tells_the_same_stories_and_another_does_not(number: int) -> None:
    assert generate(number, seed=1) == generate(number, seed=1)
    assert generate(number, seed=1) != generate(number, seed=2)


@pytest.mark.parametrize("number", GENERATED)
def test_no_answer_is_much_more_frequent_than_another(number: int) -> None:
    counts = Counter(one.gold[0] for one in babi.load(None, number, None).asked)
    assert len(counts) == 6
    assert max(counts.values()) < 250
