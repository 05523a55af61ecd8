"""Judge of answers: a protocol, and a chat model as one."""

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from memagent.config import Settings
from memagent.errors import ModelUnavailable, StructuredOutputError, one_line
from memagent.evals.judge.case import Case
from memagent.evals.judge.rubrics import Credits, Grade, rubric_of, value_of
from memagent.models.errors import translated
from memagent.models.open_chat import open_chat, options_of
from memagent.models.replies import CallTimer, parse, with_json_schema

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

logger = logging.getLogger(__name__)
MAX_REASON = 200
"""Characters of a judge's reason that are kept."""
_UNSUPPORTED = ("response_format", "json_schema", "grammar", "guided")
"""Words of a server that refuses a request because it takes no schema."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Verdict on an answer, from 0 (wrong) to 1 (right), with its reason and its cost.

    `value` is None where the judge's reply cannot be read, which counts neither way; `reason` then
    says what was wrong with it.
    """

    value: float | None
    reason: str
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Judge(Protocol):
    """A judge of answers, which may be asked from several threads."""

    @property
    def name(self) -> str:
        """The name under which its verdicts are kept: of a model, the model's name."""
        ...

    def judge(self, case: Case) -> Verdict:
        """Judge an answer.

        Raises:
            ModelUnavailable: the judge cannot be reached, or refuses.
            ContextTooLong: the case does not fit into its context.
        """
        ...


class ModelJudge:
    """Chat model as a judge, by the rubric that the case has.

    It should decode greedily, as the models of `open_chat` do. A server that takes no JSON schema
    is asked without; of a reply that has other words around its JSON, the JSON is read.
    """

    def __init__(self, chat: "BaseChatModel", name: str | None = None) -> None:
        self.name = name or str(getattr(chat, "model_name", None) or type(chat).__name__)
        self._chat = chat
        self._takes_schema = True

    def judge(self, case: Case) -> Verdict:
        """Judge an answer; an empty one is judged without the model."""
        if not case.answer.strip():
            return Verdict(value=float(case.unanswerable), reason="the answer is empty")
        rubric = rubric_of(case)
        started = time.perf_counter()
        timer = CallTimer()
        try:
            message = self._ask(rubric.prompt(case), rubric.reply)
            timer.record(message)
            value, reason = _read(case, message, rubric.reply)
        except StructuredOutputError as error:
            value, reason = None, str(error)
        if value is None:
            logger.info("a verdict of %s cannot be read", self.name)
        usage = timer.call().usage
        return Verdict(
            value=value,
            reason=one_line(reason)[:MAX_REASON],
            seconds=time.perf_counter() - started,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
        )

    def _ask(
        self, messages: "list[BaseMessage]", schema: type[Grade] | type[Credits]
    ) -> "AIMessage":
        if self._takes_schema:
            bound = with_json_schema(self._chat, schema.__name__, schema.model_json_schema())
            try:
                with translated():
                    return bound.invoke(messages)
            except ModelUnavailable as error:
                if not any(word in str(error).lower() for word in _UNSUPPORTED):
                    raise
                logger.info("%s takes no JSON schema: asked without", self.name)
                self._takes_schema = False
        with translated():
            return self._chat.invoke(messages)


def open_judge(spec: "str | BaseChatModel", settings: Settings) -> ModelJudge:
    """Return the judge that a name, a URL or a chat model is; further options are the settings'.

    Their model name is that of the server in the settings, and of no other.

    Raises:
        InvalidInput: the spec is none of these.
        ModelUnavailable: no server answers at the URL, or the weights are not on this disk.
    """
    options = options_of(settings)
    if spec != settings.model:
        options["model"] = None
    return ModelJudge(open_chat(spec, **options))


def _read(
    case: Case, message: "AIMessage", schema: type[Grade] | type[Credits]
) -> tuple[float | None, str]:
    """Return the value and the reason of a reply.

    Raises:
        StructuredOutputError: it holds no JSON of the schema.
    """
    reply: Grade | Credits
    try:
        reply = parse(message, schema)
    except StructuredOutputError as error:
        start, end = error.text.find("{"), error.text.rfind("}")
        if error.reason != "not JSON" or start < 0:
            raise
        try:
            reply = schema.model_validate_json(error.text[start : end + 1])
        except ValidationError:
            raise error from None
    value = value_of(case, reply)
    if value is None:
        return None, f"expected {len(case.criteria)} credits of 0, 0.5 or 1"
    return value, reply.reason
