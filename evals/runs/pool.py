"""Model pool of a run: its models, embedder and workers, in this process or on a cluster."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent.config import Settings
from memagent.embedding.open_embedder import open_embedder
from memagent.errors import InvalidInput
from memagent.evals.runs.ray import WorkerSpec, ray_pool
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import Progress, ask_all, run_in_process
from memagent.evals.runs.worker import Asker
from memagent.evals.suite import BadOption, Suite
from memagent.models.open_chat import open_chat, options_of
from memagent.testing import ScriptedChat
from memagent.urls import masked_url

logger = logging.getLogger(__name__)
EMBEDDED_CONCURRENCY = 4
"""Stories asked side by side of the embedded model, by default."""
SERVER_CONCURRENCY = 64
"""Stories asked side by side of each server, by default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPool:
    """Models and workers that answer the questions of a run."""

    suite: Suite
    settings: Settings
    model: BaseChatModel | None
    embedder: Embeddings | None
    urls: Sequence[str]
    workers: int | None
    """Number of processes on a Ray cluster; None asks in this process."""
    concurrency: int

    @classmethod
    def of(
        cls,
        suite: Suite,
        settings: Settings,
        *,
        model: BaseChatModel | None = None,
        embedder: Embeddings | None = None,
        servers: Sequence[str] = (),
        workers: str | None = None,
    ) -> "ModelPool":
        """Return a pool; without a `model` or an `embedder` those of the settings are opened.

        `servers` are URLs of servers of the same model, and `workers` is "ray" or "ray:4".

        Raises:
            BadOption: `workers` is malformed, or the suite asks no model.
            InvalidInput: servers or workers are given beside a chat model.
        """
        if workers and not suite.model:
            raise BadOption("--workers", f"{suite.name} asks no model")
        urls = tuple(servers) or (settings.model,)
        number = _ray_workers(workers, len(urls))
        if model is not None and (servers or number):
            raise InvalidInput("servers and workers need a model's name or URL, not a chat model")
        embedded = model is None and settings.model.startswith("local") and not servers
        side_by_side = EMBEDDED_CONCURRENCY if embedded else SERVER_CONCURRENCY
        return cls(
            suite=suite,
            settings=settings,
            model=model,
            embedder=embedder,
            urls=urls,
            workers=number,
            # The memory alone is asked one question at a time, so that its seconds are its own.
            concurrency=max(len(urls), number or 1) * (side_by_side if suite.model else 1),
        )

    @property
    def model_name(self) -> str:
        """The name of the model in the manifest."""
        if not self.suite.model:
            return "none"
        return masked_url(self.settings.model) if self.model is None else _name_of(self.model)

    @property
    def embedder_name(self) -> str:
        """The name of the embedder in the manifest."""
        if self.embedder is None:
            return masked_url(self.settings.embedder)
        return _name_of(self.embedder)

    def ask(self, run: Run, progress: Progress) -> None:
        """Ask what is still to be asked; `progress` is called after each answer.

        Raises:
            RunError: as `ask_all`.
            ConfigError: Ray is not installed, or does not start.
        """
        if self.workers is not None:
            with self._ray_pool(run) as asker:
                ask_all(run, asker, progress)
            return
        embedder = self.embedder or open_embedder(self.settings.embedder)
        run_in_process(run, self._chats(), embedder, progress, self.suite.make)

    def _chats(self) -> list[BaseChatModel]:
        if not self.suite.model:
            return [ScriptedChat([]) for _ in self.urls]
        if self.model is not None:
            return [self.model]
        return [open_chat(url, **options_of(self.settings)) for url in self.urls]

    def _ray_pool(self, run: Run) -> AbstractContextManager[Asker]:
        specs = [
            WorkerSpec(
                make=self.suite.make,
                model=self.urls[place % len(self.urls)],
                embedder=self.embedder or self.settings.embedder,
                seed=run.plan.seed,
                options=options_of(self.settings),
            )
            for place in range(self.workers or 1)
        ]
        return ray_pool(specs, run.plan.concurrency)


def _name_of(model: BaseChatModel | Embeddings) -> str:
    return str(getattr(model, "model_name", None) or type(model).__name__)


def _ray_workers(text: str | None, servers: int) -> int | None:
    """Read "ray", which is a worker for each server, or "ray:4".

    Raises:
        BadOption: it is neither.
    """
    if text is None:
        return None
    kind, _, number = text.partition(":")
    if kind != "ray" or (number and (not number.isdigit() or int(number) < 1)):
        raise BadOption("--workers", f"{text!r} is not ray or ray:N")
    return int(number) if number else servers
