"""Registry of evaluation suites: our own, and those that other packages register.

A package registers a suite through the entry point group `memagent.evals`:

    [project.entry-points."memagent.evals"]
    mine = "my_package.my_eval:SUITE"
"""

import difflib
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from memagent.errors import RunError
from memagent.evals.suite import Suite

GROUP = "memagent.evals"
OURS = {
    "babi": "memagent.evals.tasks.babi.suite:SUITE",
    "feedback": "memagent.evals.tasks.feedback.suite:SUITE",
    "streamingqa": "memagent.evals.tasks.documents.streamingqa.suite:SUITE",
    "squad": "memagent.evals.tasks.documents.squad:SUITE",
    "archivalqa": "memagent.evals.tasks.documents.archivalqa:SUITE",
    "locomo": "memagent.evals.tasks.conversations.suite:LOCOMO",
    "longmemeval": "memagent.evals.tasks.conversations.suite:LONGMEMEVAL",
    "beam": "memagent.evals.tasks.conversations.suite:BEAM",
    "personamem": "memagent.evals.tasks.conversations.suite:PERSONAMEM",
    "conversations": "memagent.evals.tasks.conversations.suite:CONVERSATIONS",
    "chat": "memagent.evals.tasks.chat.suite:SUITE",
    "continual": "memagent.evals.tasks.continual.suite:SUITE",
    "forgetting": "memagent.evals.tasks.forgetting.suite:SUITE",
    "gsm8k": "memagent.evals.tasks.gsm8k.suite:SUITE",
    "notes": "memagent.evals.tasks.notes.suite:SUITE",
    "interference": "memagent.evals.tasks.interference.suite:SUITE",
    "preferences": "memagent.evals.tasks.preferences.suite:SUITE",
    "probes": "memagent.evals.tasks.probes.suite:SUITE",
    "tool-calls": "memagent.evals.tasks.tool_calls.suite:SUITE",
    "retrieval": "memagent.evals.tasks.conversations.retrieval.suite:SUITE",
}


def all_suites() -> dict[str, Suite]:
    """Return every suite by its name, our own first.

    Raises:
        RunError: one that another package registers cannot be loaded, or has a name that is taken.
    """
    suites = {name: _our_suite(place) for name, place in OURS.items()}
    for point in entry_points(group=GROUP):
        if point.name in suites:
            raise RunError(f"two evaluations are called {point.name!r}, one of {point.value}")
        suites[point.name] = _registered_suite(point)
    return suites


def find_suite(name: str) -> Suite:
    """Return the suite of that name.

    Raises:
        RunError: there is none of that name; the message has the nearest. Or one that another
            package registers cannot be loaded, unless the name is one of our own.
    """
    if name in OURS:
        return _our_suite(OURS[name])
    known = all_suites()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise RunError(f"unknown evaluation {name!r}: did you mean {near!r}?")
    return known[name]


def _our_suite(place: str) -> Suite:
    module, _, attribute = place.partition(":")
    suite: Suite = getattr(import_module(module), attribute)
    return suite


def _registered_suite(point: EntryPoint) -> Suite:
    try:
        suite = point.load()
    except Exception as error:  # another package's code may raise anything
        raise RunError(
            f"the evaluation {point.name!r} cannot be loaded from {point.value}: {error!r}"
        ) from error
    if not isinstance(suite, Suite):
        raise RunError(f"the evaluation {point.name!r} is no Suite, but {type(suite).__name__}")
    return suite
