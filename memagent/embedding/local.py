"""A sentence-transformers model as a langchain-core `Embeddings`."""

import hashlib
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memagent.embedding.precision import Model, candidate, choose
from memagent.errors import InvalidInput, WeightsMissing
from memagent.types import Precision

Run = Callable[[Sequence[str]], NDArray[np.float32]]


class Combined:
    """A function of texts that is run for all threads that wait, by one of them at a time.

    Who comes first runs; who comes meanwhile waits, and the next to run takes all that wait along.
    Each gets its own rows, in its own order. Where a batch fails, its calls are run one by one, so
    that an error reaches only who caused it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._turn = threading.Lock()
        self._waiting: list[_Call] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text."""
        call = _Call(texts)
        self._waiting.append(call)
        try:
            with self._turn:
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
    """What a thread wants, and what it got; compared by identity."""

    __slots__ = ("done", "error", "rows", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.rows: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)
        self.error: Exception | None = None
        self.done = False


CACHE_SIZE = 4096
"""Vectors that are kept in RAM, so that what is searched and then remembered is embedded once."""
SLICE = 128
"""Texts of a call that are run before the calls of other threads have their turn."""
HUB = "huggingface.co"
HUB_SECONDS = 3.0
"""How long the hub has to answer before it counts as out of reach."""


class SentenceEmbedder(Embeddings):
    """A sentence-transformers name or folder; loaded when first used, and safe to share.

    Vectors are normalised. Texts are sorted by length and run in batches, together with those of
    other threads that wait. `precision` "auto" takes what is fastest on this machine among what is
    as good as float32, and remembers it in the file `verdicts`.

    Raises:
        WeightsMissing: on first use, if there is no such model.
    """

    def __init__(
        self,
        path: str | Path,
        name: str,
        precision: Precision = "auto",
        verdicts: Path | None = None,
    ) -> None:
        self.name = name
        self._path = str(path)
        self._wanted = precision
        self._verdicts = verdicts
        self._opened: tuple[str, Model] | None = None
        self._opening = threading.Lock()
        self._combined = Combined(lambda texts: self._model().encode(texts))
        self._cache: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._keeping = threading.Lock()

    @property
    def precision(self) -> str:
        """The precision it runs in, such as "float32" or "bfloat16"; the first to ask loads it."""
        self._model()
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
            rows |= zip(part, self._combined([missing[key] for key in part]), strict=True)
        self._keep({key: rows[key] for key in todo})
        return [rows[key].tolist() for key in keys]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]

    def _cached(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        with self._keeping:
            known = [key for key in dict.fromkeys(keys) if key in self._cache]
            for key in known:
                self._cache.move_to_end(key)
            return {key: self._cache[key] for key in known}

    def _keep(self, rows: dict[bytes, NDArray[np.float32]]) -> None:
        with self._keeping:
            self._cache.update(rows)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)

    def _model(self) -> Model:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened[1]

    def _open(self) -> tuple[str, Model]:
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        open_model, about = _opener(self._path, device)
        if self._wanted != "auto":
            return self._wanted, open_model(self._wanted)
        return choose(open_model, candidate(device), f"{self.name}, {about}", self._verdicts)


def _opener(path: str, device: str) -> tuple[Callable[[str], Model], str]:
    """Return what opens the model in a precision, and words that tell its weights from others."""
    from memagent.embedding import bert

    folder = _folder(path)
    shape = bert.shape_of(folder) if folder is not None else None
    if folder is not None and shape is not None:
        size = (folder / "model.safetensors").stat().st_size
        return lambda precision: bert.Bert(folder, shape, precision, device), f"{size} bytes"
    return lambda precision: _Library(path, precision, device), "by its library"


def _folder(path: str) -> Path | None:
    """Return the folder of a model on this disk, also where the hub's own cache has it."""
    if Path(path).is_dir():
        return Path(path)
    from huggingface_hub import snapshot_download

    for name in [path] if "/" in path else [f"sentence-transformers/{path}", path]:
        try:
            return Path(snapshot_download(name, local_files_only=True))
        except (OSError, ValueError):
            continue
    return None


class _Library:
    """A model that sentence-transformers runs itself: any architecture, pooling and prompts."""

    def __init__(self, path: str, precision: str, device: str) -> None:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        if precision == "int8":
            raise InvalidInput(f"the embedder {path!r} cannot run in int8: only BERT models can")
        disable_progress_bar()  # type: ignore[no-untyped-call]
        kinds = {"dtype": getattr(torch, precision)}
        self._model = _loaded(
            lambda **more: SentenceTransformer(path, device=device, model_kwargs=kinds, **more),
            path,
        )

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        rows = np.asarray(rows, dtype=np.float32)
        # Where the model normalises in half precision, the length is only about one.
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12))


def _loaded(load: Callable[..., Any], path: str) -> Any:
    """Load from this disk, and turn to the hub only if the hub can be reached at all."""
    try:
        return load(local_files_only=True)
    except (OSError, ValueError) as error:
        if Path(path).is_dir():
            raise WeightsMissing(f"the folder {path} holds no embedder: {_line(error)}") from error
        try:
            socket.create_connection((HUB, 443), timeout=HUB_SECONDS).close()
        except OSError:
            raise WeightsMissing(
                f"the embedder {path!r} is not on this disk, and the hub cannot be reached"
            ) from error
    try:
        return load()
    except (OSError, ValueError) as error:
        raise WeightsMissing(f"the hub has no embedder {path!r}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
