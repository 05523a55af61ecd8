"""Sentence-transformers model in this process, as a langchain-core `Embeddings`."""

import hashlib
import logging
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memagent.embedding.precision import Model, choose_precision, faster_precision
from memagent.errors import InvalidInput, WeightsMissing
from memagent.process import at_fork, lock
from memagent.types import Precision

logger = logging.getLogger(__name__)

T = TypeVar("T")
Run = Callable[[Sequence[str]], NDArray[np.float32]]
Opener = Callable[[], tuple[str, Model] | None]


class MicroBatcher:
    """A function of texts that runs the waiting calls of all threads as one batch.

    One thread runs at a time. Calls that come meanwhile wait, and the next thread to run takes all
    of them along. Each call gets its own rows, in its own order. If a batch fails, its calls run
    one by one, so that an error reaches only the caller that caused it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._begin_anew()
        at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """Wait for no thread, also in a forked child, where the parent's are not."""
        self._running = threading.Lock()
        self._waiting: list[_Call] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text."""
        call = _Call(texts)
        self._waiting.append(call)
        try:
            with self._running:
                if not call.done:
                    self._serve(list(self._waiting))
        finally:
            self._waiting.remove(call)
        if call.error is not None:
            raise call.error
        return call.rows

    def _serve(self, calls: Sequence["_Call"]) -> None:
        calls = [call for call in calls if not call.done]
        distinct = list(dict.fromkeys(text for call in calls for text in call.texts))
        try:
            rows = dict(zip(distinct, self._run(distinct), strict=True))
        except Exception as error:
            if len(calls) == 1:
                calls[0].error, calls[0].done = error, True
            else:
                for call in calls:
                    self._serve([call])
            return
        for call in calls:
            call.rows, call.done = np.stack([rows[text] for text in call.texts]), True


class _Call:
    """The texts of one call, and its rows or error; compared by identity."""

    __slots__ = ("done", "error", "rows", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.rows: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)
        self.error: Exception | None = None
        self.done = False


CACHE_SIZE = 4096
"""Vectors in RAM, so that a text that is searched and then stored is embedded once."""
SLICE = 128
"""Texts of one call that run before the calls of other threads get their turn."""
HUB = "huggingface.co"
HUB_SECONDS = 3.0
"""Seconds after which a hub that does not answer counts as unreachable."""


class SentenceEmbedder(Embeddings):
    """Sentence-transformers model, by name or folder; loaded on first use, and thread-safe.

    Vectors are normalised. Texts are sorted by length and run in batches, together with those of
    other waiting threads. `precision` "auto" takes the fastest one on this machine that is as
    accurate as float32, and stores the benchmark's result in the file `benchmarks`. `opener` is
    tried first and returns a precision and a model, or None for the model of that name.

    Raises:
        WeightsMissing: on first use, if there is no such model.
        InvalidInput: on first use, if the model cannot run in the precision.
    """

    def __init__(
        self,
        path: str | Path,
        name: str,
        precision: Precision = "auto",
        benchmarks: Path | None = None,
        opener: Opener | None = None,
    ) -> None:
        self.name = name
        self._path = str(path)
        self._precision = precision
        self._benchmarks = benchmarks
        self._opener = opener
        self._opened: tuple[str, Model] | None = None
        self._opening = lock()
        self._thread: ThreadPoolExecutor | None = None
        self._run_batched = MicroBatcher(
            lambda texts: self._threaded(lambda: self._model().encode(texts))
        )
        self._cache: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._cache_lock = lock()
        at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """Use torch in a new thread, in a forked child.

        The thread that forked would wait for ever for its helpers (OpenMP), which are the parent's.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedding")

    def _threaded(self, use: Callable[[], T]) -> T:
        return use() if self._thread is None else self._thread.submit(use).result()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (
            self._path,
            self.name,
            self._precision,
            self._benchmarks,
            self._opener,
        )

    @property
    def precision(self) -> str:
        """The precision in use, such as "float32" or "bfloat16"; loads the model."""
        self._threaded(self._model)
        assert self._opened is not None
        return self._opened[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        rows = self._cached(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in rows}
        todo = sorted(missing, key=lambda key: len(missing[key]))
        for start in range(0, len(todo), SLICE):
            part = todo[start : start + SLICE]
            rows |= zip(part, self._run_batched([missing[key] for key in part]), strict=True)
        self._keep({key: rows[key] for key in todo})
        return [rows[key].tolist() for key in keys]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]

    def _cached(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        with self._cache_lock:
            known = [key for key in dict.fromkeys(keys) if key in self._cache]
            for key in known:
                self._cache.move_to_end(key)
            return {key: self._cache[key] for key in known}

    def _keep(self, rows: dict[bytes, NDArray[np.float32]]) -> None:
        with self._cache_lock:
            self._cache.update(rows)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)

    def _model(self) -> Model:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened[1]

    def _open(self) -> tuple[str, Model]:
        opened = self._opener() if self._opener is not None else None
        if opened is not None:
            return opened
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        open_model, description = _opener(self._path, device)
        if self._precision != "auto":
            return self._precision, open_model(self._precision)
        return choose_precision(
            open_model, faster_precision(device), f"{self.name}, {description}", self._benchmarks
        )


def _opener(path: str, device: str) -> tuple[Callable[[str], Model], str]:
    """Return a function that opens the model in a precision, and a description of its weights."""
    from memagent.embedding import bert

    folder = _folder(path)
    shape = bert.shape_of(folder) if folder is not None else None
    if folder is not None and shape is not None:
        size = (folder / "model.safetensors").stat().st_size
        return lambda precision: bert.Bert(folder, shape, precision, device), f"{size} bytes"
    return lambda precision: _SentenceTransformersModel(path, precision, device), "by its library"


def _folder(path: str) -> Path | None:
    """Return the folder of a model on this disk, also from the hub's cache."""
    if Path(path).is_dir():
        return Path(path)
    from huggingface_hub import snapshot_download

    for name in [path] if "/" in path else [f"sentence-transformers/{path}", path]:
        try:
            return Path(snapshot_download(name, local_files_only=True))
        except (OSError, ValueError):
            continue
    return None


class _SentenceTransformersModel:
    """A model run by sentence-transformers itself: any architecture, pooling and prompts."""

    def __init__(self, path: str, precision: str, device: str) -> None:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        if precision == "int8":
            raise InvalidInput(f"the embedder {path!r} cannot run in int8: only BERT models can")
        disable_progress_bar()  # type: ignore[no-untyped-call]
        options = {"dtype": getattr(torch, precision)}
        self._model = from_disk_or_hub(
            lambda **more: SentenceTransformer(path, device=device, model_kwargs=options, **more),
            path,
        )

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        rows = np.asarray(rows, dtype=np.float32)
        # Where the model normalises in half precision, the length is only about one.
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12))


def from_disk_or_hub(load: Callable[..., Any], path: str, kind: str = "embedder") -> Any:
    """Load a model from this disk, else from the hub if the hub can be reached.

    Raises:
        WeightsMissing: there is no such model; the message names the `kind` of model.
    """
    try:
        return load(local_files_only=True)
    except (OSError, ValueError) as error:
        if Path(path).is_dir():
            raise WeightsMissing(f"the folder {path} holds no {kind}: {_line(error)}") from error
        try:
            socket.create_connection((HUB, 443), timeout=HUB_SECONDS).close()
        except OSError:
            raise WeightsMissing(
                f"the {kind} {path!r} is not on this disk, and the hub cannot be reached"
            ) from error
    logger.info("downloading the %s %s from the hub", kind, path)
    try:
        return load()
    except (OSError, ValueError) as error:
        raise WeightsMissing(f"the hub has no {kind} {path!r}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
