"""Sources of conversations: a file of the user's own, the data folder, or the generator."""

from memagent.errors import RunError
from memagent.evals.suite import BadOption, Selection
from memagent.evals.tasks.conversations.conversation import DataSet
from memagent.evals.tasks.conversations.generator.generate import Style, generate
from memagent.evals.tasks.conversations.loaders import beam, locomo, longmemeval, personamem

STYLES: dict[str, Style] = {
    "locomo": "people",
    "longmemeval": "assistant",
    "beam": "assistant",
    "personamem": "choice",
}
"""Data sets, each with the style of the generated conversations that stand in for it."""
LOADERS = {"longmemeval": longmemeval.load, "beam": beam.load, "personamem": personamem.load}
"""Loaders of the data sets that are released in several variants."""
SPLIT = "test"


def data_set(name: str, selection: Selection) -> DataSet:
    """Return the conversations of a data set: locomo, longmemeval, beam or personamem.

    They are read from the file or folder that is selected, else from the folder of that name in
    the data folder. Where there is neither they are generated, in the data set's manner; tables
    keep generated and released ones apart.

    Raises:
        BadOption: an option is selected that the data set does not have.
        InvalidInput: a file does not have the released layout; the message says where.
        RunError: what is selected is not there; the message says how to get it.
    """
    _check(name, selection)
    path = selection.file
    if path is None and selection.data is not None and (selection.data / name).is_dir():
        path = selection.data / name
    if path is None:
        return _generated(name, selection)
    for file in (path, selection.corrections):
        if file is not None and not file.exists():
            raise RunError(
                f"there is no {file}: `memagent data recipe {name}` says how to get {name}'s files"
            )
    if name == "locomo":
        return locomo.load(path, selection.corrections)
    return LOADERS[name](path, selection.variant)


def _check(name: str, selection: Selection) -> None:
    if selection.split not in (None, SPLIT):
        raise BadOption("--split", f"{name} is one set of questions, which is its {SPLIT!r}")
    if selection.variant is not None and name not in LOADERS:
        raise BadOption("--variant", f"{name} has no variants: name its file with --file")
    if selection.corrections is not None and name != "locomo":
        raise BadOption("--corrections", f"there are corrections of locomo, none of {name}")


def _generated(name: str, selection: Selection) -> DataSet:
    for option, value in {
        "--variant": selection.variant,
        "--corrections": selection.corrections,
    }.items():
        if value is not None:
            raise BadOption(
                option,
                f"it is about {name}'s released files, and there are none: name them with --file,"
                f" or see `memagent data recipe {name}`",
            )
    return generate(name=name, style=STYLES[name], seed=selection.seed)
