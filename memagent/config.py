"""Settings, from arguments, then MEMAGENT_* in the environment, then the TOML file."""

import difflib
import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from platformdirs import user_config_path, user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from memagent.errors import ConfigError, InvalidInput
from memagent.files import read_text, reason
from memagent.types import CorrectionMode, Precision, StrategyName
from memagent.urls import header_value, masked_url

PREFIX = "MEMAGENT_"
MAX_SECONDS = 86_400.0
MAX_COUNT = 1_000_000_000
MAX_BYTES = 1 << 20
"""The size of a settings file at most; a longer one is none."""


class Settings(BaseSettings):
    """The settings; each can also be set as MEMAGENT_<NAME> in the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", str_strip_whitespace=True)

    home: Path = Field(default_factory=lambda: user_data_path("memagent"))
    """The folder of the memory and of the downloaded models."""
    user: str = "me"
    """The user whose memory the command line reads and writes."""
    model: str = "local"
    """The chat model: "local", "local:<GGUF path>", a server's URL, or "vllm:<model>"."""
    model_name: str | None = None
    """The model of the server at the URL; its first if not set."""
    api_key: SecretStr | None = None
    """The API key of the server at the URL."""
    vllm_url: str | None = None
    """The URL of a running vLLM server, ending in /v1; one is started here if not set."""
    vllm_python: Path | None = None
    """The Python that has vLLM, if it is not this one."""
    embedder: str = "all-MiniLM-L6-v2"
    """A sentence-transformers name or folder, "multilingual", or "server:<url>[#<model>]"."""
    embedder_key: SecretStr | None = None
    """The API key of the embedder's server."""
    embedder_precision: Precision = "auto"
    """The precision of the embedder: "auto", "float32", "bfloat16", "float16" or "int8"."""
    reranker: str | None = None
    """A cross-encoder's name or folder, or "server:<url>", "server:<url>#<model>"; optional."""
    reranker_key: SecretStr | None = None
    """The API key of the reranker's server."""
    reranker_seconds: float = Field(default=1.0, gt=0, le=MAX_SECONDS)
    """Seconds that the reranker may take for a question; then the order stands."""
    cache_mb: int = Field(default=64, ge=0, le=MAX_COUNT)
    """Disk space of the cache of vectors beside the memory, in MiB; 0 for no cache."""
    input_history: bool = True
    """True if `chat` keeps the lines typed at a terminal, in a file beside the memory."""
    redaction: Literal["off", "on"] = "off"
    """Redaction of secrets and card numbers in what is stored: "off" or "on"."""
    recall: StrategyName = "ranked"
    """The strategy of recall: "ranked", or "rules" for English rules made on bAbI's stories."""
    corrections: CorrectionMode = "ask"
    """Spoken corrections in `chat`: "ask" proposes them, "apply" makes them at once, or "off"."""
    recall_k: int | None = Field(default=None, ge=1, le=100)
    """The number of memories that the model sees at most; what it reads well if not set."""
    profile: bool = True
    """True if the model is always shown the known lasting facts and preferences of the user."""
    profile_tokens: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    """The tokens of these at most; what the model reads well if not set."""
    index_mb: int = Field(default=1024, ge=1, le=MAX_COUNT)
    """RAM for the vectors of all users, in MiB."""
    max_tokens: int = Field(default=256, ge=1, le=MAX_COUNT)
    """The most tokens of an answer."""
    timeout: float = Field(default=120.0, gt=0, le=MAX_SECONDS)
    """Seconds that the model's server may be silent."""
    connect_timeout: float = Field(default=5.0, gt=0, le=MAX_SECONDS)
    """Seconds within which the model's server must be reached."""
    retries: int = Field(default=4, ge=0, le=100)
    """Retries of a request that was lost or temporarily refused."""
    in_flight: int = Field(default=1024, ge=1, le=MAX_COUNT)
    """The most requests to the model's server at once."""
    data: Path | None = None
    """The folder of evaluation data (`babi/en` and so on)."""

    @field_validator("api_key", "embedder_key", "reranker_key")
    @classmethod
    def _as_header(cls, key: SecretStr | None) -> SecretStr | None:
        return key and SecretStr(header_value(key.get_secret_value()))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the TOML file."""
        file = InitSettingsSource(settings_cls, read_config(config_file()))
        return init_settings, _Environment(settings_cls), file


class _Environment(EnvSettingsSource):
    """Variables of the environment, trimmed; one that is empty counts as not set."""

    def __call__(self) -> dict[str, Any]:
        """Return the settings that are set, by name."""
        return {name: value.strip() for name, value in super().__call__().items() if value.strip()}


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings that a TOML file holds, none if it is not there.

    Raises:
        ConfigError: it cannot be read, or is not TOML; it is named.
    """
    try:
        path.stat()
        return tomllib.loads(read_text(path, MAX_BYTES))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason(error)}") from error
    except InvalidInput as error:
        raise ConfigError(str(error)) from error


def config_file() -> Path:
    """Return the path of the TOML file: $MEMAGENT_CONFIG, else in the user's config folder."""
    path = os.environ.get(f"{PREFIX}CONFIG", "").strip()
    return Path(path) if path else user_config_path("memagent") / "config.toml"


def load_settings(**arguments: Any) -> Settings:
    """Return the settings; arguments that are None are ignored.

    Raises:
        ConfigError: a key is unknown (the message names the nearest one), or a value does not fit.
    """
    _check_environment()
    try:
        return Settings(**{name: value for name, value in arguments.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(_unknown(name, Settings.model_fields)) from error
        raise ConfigError(f"setting {name!r}: {_problem(error)}") from error


def parse_setting(name: str, text: str) -> str | int | float:
    """Return the value of a setting from its text, as the TOML file holds it.

    Raises:
        ConfigError: there is no such setting, or the value does not fit.
    """
    if name not in Settings.model_fields:
        raise ConfigError(_unknown(name, Settings.model_fields))
    blank = Settings.model_construct()
    try:
        Settings.__pydantic_validator__.validate_assignment(blank, name, text)
    except ValidationError as error:
        raise ConfigError(f"setting {name!r}: {_problem(error)}") from error
    value = getattr(blank, name)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):  # it means the same in every folder
        return str(value.expanduser().absolute())
    assert isinstance(value, str | int | float)
    return value


def masked(name: str, value: str | int | float) -> str:
    """Return a setting's value as text; a key, or a password in a URL, is masked."""
    secret = SecretStr in (
        annotation := Settings.model_fields[name].annotation,
        *get_args(annotation),
    )
    return str(SecretStr(str(value))) if secret else masked_url(str(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingSource:
    """Value of one setting, ready for JSON with keys and passwords masked, and its source.

    `source` is "argument", the name of a variable, the path of the file, or "default".
    """

    name: str
    value: str | int | float | None
    source: str


def setting_sources(**arguments: Any) -> list[SettingSource]:
    """Return every setting with its source; arguments that are None are ignored.

    Raises:
        ConfigError: as `load_settings`.
    """
    settings = load_settings(**arguments)
    variables = {variable.upper(): variable for variable in os.environ}
    path = config_file()
    content = read_config(path)
    sources = []
    for name, value in settings.model_dump(mode="json").items():
        variable = variables.get(f"{PREFIX}{name}".upper())
        if variable is not None and not os.environ[variable].strip():
            variable = None
        if isinstance(value, str):
            value = masked_url(value)
        if arguments.get(name) is not None:
            source = "argument"
        elif variable is not None:
            source = variable
        else:
            source = str(path) if name in content else "default"
        sources.append(SettingSource(name=name, value=value, source=source))
    return sources


def _problem(error: ValidationError) -> str:
    """Return what is wrong with a value, in pydantic's words but for the error's class."""
    message = str(error.errors()[0]["msg"])
    for prefix in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    return message[:1].lower() + message[1:]


def _check_environment() -> None:
    """Refuse a misspelt variable, which would silently have no effect."""
    known = [f"{PREFIX}{name.upper()}" for name in (*Settings.model_fields, "config")]
    for variable in os.environ:
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            raise ConfigError(_unknown(variable, known))


def _unknown(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"unknown setting {name!r}: did you mean {nearest[0]!r}?"
