"""Embedders opened by name or URL, as langchain-core objects."""

from pathlib import Path

from langchain_core.embeddings import Embeddings

from memagent.config import load_settings
from memagent.embedding import e5
from memagent.embedding.local import SentenceEmbedder
from memagent.embedding.remote import RemoteEmbedder
from memagent.errors import InvalidInput, shown
from memagent.models.weights import MINILM, locate
from memagent.types import Precision
from memagent.urls import server_spec


def open_embedder(
    spec: str | Embeddings, *, precision: Precision | None = None, api_key: str | None = None
) -> Embeddings:
    """Return an embedder: a sentence-transformers name or folder, a server's, or the object itself.

    "server:http://host:8000/v1" is an OpenAI-style server's first model, and
    "server:http://host:8000/v1#name" the one of that name. "multilingual" is multilingual-e5-small,
    for texts in any language. The default model needs no network when its weights are on this disk.
    `precision` and `api_key` come from the settings if None. The model is loaded, or the server
    asked, on first use.

    Raises:
        WeightsMissing: the default model's weights are not on this disk.
        InvalidInput: "server:" is not followed by a URL, or the spec is no embedder.
    """
    if not isinstance(spec, str):
        if not hasattr(spec, "embed_documents") or not hasattr(spec, "embed_query"):
            raise InvalidInput(f"embedder: a name or Embeddings is wanted, not {shown(spec)}")
        return spec
    settings, spec = load_settings(), spec.strip()
    if (server := server_spec(spec, "embedder")) is not None:
        key = settings.embedder_key.get_secret_value() if settings.embedder_key else None
        return RemoteEmbedder(*server, api_key or key, settings.timeout)
    models = settings.home / "models"
    precision = precision or settings.embedder_precision
    if spec == e5.NAME:
        return e5.MultilingualEmbedder(precision, models / "precision.json")
    if spec == MINILM.name:
        path = str(locate(MINILM, models))
    else:
        folder = Path(spec).expanduser()
        path = str(folder) if folder.is_dir() else spec
    return SentenceEmbedder(path, spec, precision, models / "precision.json")
