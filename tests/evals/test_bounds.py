"""The headline score of each suite: what reads the gold evidence has it, what sees nothing not."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from bounds import arms_of, bounded, options_of
from langchain_core.messages import BaseMessage

from memagent import evals
from memagent.evals.metrics.statistics import mean
from memagent.evals.registry import all_suites
from memagent.evals.score import Score
from memagent.evals.suite import Selection, Suite, load_tasks
from memagent.evals.task import Task
from memagent.evals.tasks.conversations.choices import lettered
from memagent.evals.tasks.conversations.conversation import ConversationQuestion
from memagent.testing import HashEmbedder, ScriptedChat


@pytest.mark.parametrize("suite", all_suites().values(), ids=lambda suite: suite.name)
def test_every_suite_of_ours_states_a_headline_score(suite: Suite) -> None:
    assert suite.headline is not None


def copyist(task: Task) -> Callable[[Sequence[BaseMessage]], str]:
    """Answer with a question's gold answer where it stands in what is shown, beside the question.

    The same question may be asked of several stories; the answers to all of them are known.

    What a system message says is not looked at.
    """

    gold_of: dict[str, list[str]] = {}
    for sample in task.asked:
        gold_of.setdefault(sample.question, []).extend(sample.gold)

    def answer(messages: Sequence[BaseMessage]) -> str:
        *before, last = [str(one.content) for one in messages if one.type != "system"]
        asked = max((one for one in gold_of if one in last), key=len)
        shown = "\n".join([*before, last.replace(asked, "")])
        return next((gold for gold in gold_of[asked] if gold in shown), "not known")

    return answer


def chooser(task: Task) -> Callable[[Sequence[BaseMessage]], str]:
    """Answer with the letter of the right option where its words are shown, beside the choice."""
    samples = cast(Sequence[ConversationQuestion], task.asked)
    asked = {lettered(one.question, one.options): one for one in samples}

    def answer(messages: Sequence[BaseMessage]) -> str:
        whole = "\n".join(str(one.content) for one in messages)
        sample = next(one for text, one in asked.items() if text in whole)
        right = sample.options[sample.gold[0]]
        evidence = whole.replace(lettered(sample.question, sample.options), "")
        return f"({sample.gold[0]})" if right in evidence else "not known"

    return answer


def copyable(task: Task, score: Score) -> bool:
    """Say whether an answer stood in what was shown."""
    options = {one.id: getattr(one, "options", {}) for one in task.asked}[score.id]
    golds = [options.get(gold, gold) for gold in score.gold]
    return any(gold in text for gold in golds for text in score.shown)


@pytest.mark.parametrize("suite", bounded(), ids=lambda suite: suite.name)
def test_who_copies_the_gold_answer_has_the_headline_score_of_an_oracle(
    suite: Suite, tmp_path: Path
) -> None:
    options = options_of(suite, tmp_path)
    chosen = Selection(file=options.file, data=options.data, settings=options.settings)
    task = load_tasks(suite, chosen)[0]
    reader = chooser if getattr(task.asked[0], "options", None) else copyist
    result = evals.run(
        suite,
        arms_of(suite),
        ScriptedChat(reader(task)),
        tasks=task.name,
        limit=30,
        out=tmp_path / "run",
        embedder=HashEmbedder(),
        options=options,
    )
    none, oracle = map(str, arms_of(suite))
    ids = {one.id for one in result.scores if one.arm == oracle and copyable(task, one)}
    value_of = suite.headline.of
    found = {
        arm: [value_of(one) for one in result.scores if one.arm == arm and one.id in ids]
        for arm in (none, oracle)
    }
    assert len(ids) >= 3
    assert mean(found[oracle]) > 0.95
    assert mean(found[none]) < 0.1
