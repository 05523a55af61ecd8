"""The oracle of each suite, far above its `none`, with the embedded model and embedder."""

from dataclasses import replace
from pathlib import Path

import pytest
from bounds import arms_of, bounded, options_of

from memagent import evals, open_chat, open_embedder
from memagent.evals.suite import Selection, Suite, load_tasks

pytestmark = pytest.mark.real
QUESTIONS = {"conversations": 20}
"""Questions asked of a suite; 5 of the others."""
TOO_HARD = {"locomo", "longmemeval", "beam", "personamem"}
"""Suites that the embedded model gets no better in with gold evidence: long turns and choices.
Their oracle is held to its bounds by a reader that copies, as that of all (test_bounds)."""
ANSWER = 40
"""The longest answer in tokens: gold evidence is copied in fewer."""
GAIN = 0.12
"""The least gain of gold evidence: far below what is measured, and out of a broken arm's reach."""


@pytest.fixture(scope="module")
def embedder() -> object:
    return open_embedder("all-MiniLM-L6-v2")


@pytest.mark.parametrize(
    "suite",
    [suite for suite in bounded() if suite.name not in TOO_HARD],
    ids=lambda suite: suite.name,
)
def test_gold_evidence_is_worth_much_in_the_headline_score(
    suite: Suite, embedder: object, tmp_path: Path
) -> None:
    options = replace(options_of(suite, tmp_path), concurrency=1)  # one prefix, read once
    chosen = Selection(file=options.file, data=options.data, settings=options.settings)
    result = evals.run(
        suite,
        arms_of(suite, shots=2),
        open_chat("local", max_tokens=ANSWER),
        tasks=load_tasks(suite, chosen)[0].name,
        limit=QUESTIONS.get(suite.name, 5),
        out=tmp_path / "run",
        embedder=embedder,
        options=options,
    )
    none, oracle = (row["score"] for row in result.rows)
    assert oracle >= none + GAIN
