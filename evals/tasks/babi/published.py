"""Published bAbI results, to print beside a run's own.

A run asks a frozen model with a few examples in the prompt, and trains no weight. The published
models were trained on the training questions, and measured on the released test files. So the
numbers say how hard a task is, not which model is better.

None of the figures was read in the papers themselves: each was copied from the place that its
`confirmation` names.
"""

from memagent.evals.suite import Reference, References

TASKS = range(1, 21)
_TESTED = "1,000 questions of the released test file of each task"


def _reference(
    model: str, errors: tuple[float, ...], source: str, confirmation: str, setting: str
) -> Reference:
    """Return a published model by its test errors on tasks 1 to 20, in percent."""
    return Reference(
        model=model,
        accuracy={
            f"babi/{task}": (100 - error) / 100 for task, error in zip(TASKS, errors, strict=True)
        },
        source=source,
        confirmation=confirmation,
        setting=setting,
    )


# fmt: off
MODELS = (
    _reference(
        model="MemNN, strongly supervised, 1K",
        errors=(0, 0, 0, 0, 2, 0, 15, 9, 0, 2, 0, 0, 0, 1, 0, 0, 35, 5, 64, 0),
        source="Weston et al., Towards AI-Complete Question Answering, 2015 (arXiv:1502.05698)",
        confirmation="secondary: accuracies listed in a public repository, whole percents",
        setting="trained on each task's 1,000 training questions, told the supporting facts of each"
        f" (strong supervision); {_TESTED}",
    ),
    _reference(
        model="LSTM, 1K",
        errors=(50, 80, 80, 39, 30, 52, 51, 55, 36, 56, 38, 26, 6, 73, 79, 77, 49, 48, 92, 9),
        source="Weston et al., Towards AI-Complete Question Answering, 2015 (arXiv:1502.05698)",
        confirmation="secondary: accuracies listed in a public repository, whole percents",
        setting=f"trained on each task's 1,000 training questions; {_TESTED}",
    ),
    _reference(
        model="MemN2N, 1K, rerun by a third party",
        errors=(
            0.1, 8.2, 41.8, 4.4, 13.7, 7.9, 20.3, 11.7, 13.6, 9.7,
            0.7, 0.0, 0.3, 0.9, 0.0, 0.4, 51.0, 10.5, 81.4, 0.0,
        ),
        source="a third party's rerun of the authors' Matlab code (Sukhbaatar et al., End-To-End"
        " Memory Networks, 2015: 3 hops, position encoding, linear start, random noise)",
        confirmation="secondary: a public page of benchmarks; not the figures of the paper",
        setting=f"trained on each task's 1,000 training questions; {_TESTED}",
    ),
    _reference(
        model="MemN2N, joint, 1K",
        errors=(
            0.0, 11.4, 21.9, 13.4, 14.4, 2.8, 18.3, 9.3, 1.9, 6.5,
            0.3, 0.1, 0.2, 6.9, 0.0, 2.7, 40.4, 9.4, 88.0, 0.0,
        ),
        source="Sukhbaatar et al., End-To-End Memory Networks, 2015 (3 hops, position encoding,"
        " linear start, random noise)",
        confirmation="secondary: notes in a public repository",
        setting=f"one model trained on all tasks, 1,000 training questions each; {_TESTED}",
    ),
)
# fmt: on


REFERENCES = References(
    models=MODELS,
    about="These models were trained on each task's questions; this run's is a frozen model, with"
    " few-shot examples in the prompt and no weight trained",
    label="trained on the task",
    own_label="nothing trained",
)
