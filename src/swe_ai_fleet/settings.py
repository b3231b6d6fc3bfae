"""What an operator sets; the only reader of the environment.

Every setting is a variable ``FLEET_<NAME>``, nested with two underscores: ``FLEET_NATS__URL``. Nothing set means
embedded: what has no address is started locally and stopped afterwards.
"""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from swe_ai_fleet.domain.address import shown_address
from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.execution.admission import Admission
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.models.model_id import OFFLINE
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.resilience import RetryPolicy
from swe_ai_fleet.sandbox.options import SandboxOptions
from swe_ai_fleet.tracing.options import TelemetryOptions

PREFIX = "FLEET_"
WRITABLE_FOLDER = "Give a folder that you may write to."
EMBEDDED_MODEL = f"{OFFLINE}:repair"
"""Who deliberates where no model is configured."""


class ModelSettings(Value):
    """One provider; its name is the key: ``FLEET_MODELS__<NAME>__URL``."""

    url: str = ""
    """``http(s)://host[:port][/path]``, several equal servers joined by commas: each deliberation stays at one of them
    as long as it answers. May be left out for ``openai`` and ``openrouter``."""
    each_address: bool = False
    """Every address of the host's name is a server of its own, as with a headless Service; only for ``http``."""
    prefers_own_node: bool = False
    """Of several servers, an agent asks the one on its own machine first."""
    api_key: SecretStr | None = None
    """Sent as a bearer token."""
    model: str | None = None
    """The model that a council uses where the task and the command line name none."""
    concurrency: Annotated[int, Field(ge=1)] = 256
    """Calls in flight at once from one process to one server."""
    sends_priority: bool = False
    """Send vLLM's ``priority``; only for servers started with ``--scheduling-policy priority``."""
    sends_seed: bool = False
    """Send each agent's own seed; not to vLLM on a CPU, which dies of it when a prompt is long."""
    streams: bool = False
    """Take answers token by token, so that ``first_byte_s`` bounds the first token."""
    connect_s: Annotated[float, Field(gt=0)] = 5.0
    """Limit on opening a connection, in seconds."""
    first_byte_s: Annotated[float, Field(gt=0)] = 120.0
    """Limit from the request to the first byte, in seconds."""
    total_s: Annotated[float, Field(gt=0)] = 300.0
    """Limit on one call, in seconds."""


class AgentSettings(Value):
    """What holds for every agent."""

    max_tokens: Annotated[int, Field(ge=1)] = 2000
    """Output tokens of one answer."""


class LogSettings(Value):
    """What is logged, to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "warning"
    format: Literal["auto", "console", "json"] = "auto"
    """``auto``: for people on a terminal, else JSON lines."""


class WorkerSettings(Value):
    """``swe-fleet worker``."""

    concurrency: Annotated[int, Field(ge=1)] = 8
    """Deliberations at once in one worker."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port of ``/livez``, ``/readyz`` and ``/metrics``; 0: none."""
    health_host: str = "0.0.0.0"  # noqa: S104  # probes come from outside the pod; the port is off by default
    """Address that the port listens on."""


def _default_data_dir() -> Path:
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (base if base.is_absolute() else _absolute(Path("~/.local/share"))) / "swe-ai-fleet"


def _absolute(folder: Path) -> Path:
    """Servers are started in folders of their own, so the data folder must not depend on the present one."""
    try:
        return folder.expanduser().absolute()
    except (OSError, RuntimeError) as error:  # no home folder, or the present one is gone
        raise InputError("FLEET_DATA_DIR", str(folder), str(error).rstrip("."), WRITABLE_FOLDER) from error


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    data_dir: Path = Field(default_factory=_default_data_dir)
    """Where the embedded record and the copies of repositories live."""
    nats: NatsOptions = NatsOptions()
    ray: RayOptions = RayOptions()
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    """Providers by name."""
    retry: RetryPolicy = RetryPolicy()
    agents: AgentSettings = AgentSettings()
    admission: Admission = Admission()
    sandbox: SandboxOptions = SandboxOptions()
    log: LogSettings = LogSettings()
    telemetry: TelemetryOptions = TelemetryOptions()
    worker: WorkerSettings = WorkerSettings()

    @field_validator("data_dir", mode="before")
    @classmethod
    def _data_dir_is_absolute(cls, given: object) -> object:
        if given == "":
            return _default_data_dir()
        return _absolute(Path(given)) if isinstance(given, str | Path) else given

    def providers(self) -> tuple[Provider, ...]:
        """The configured model servers.

        Raises:
            InputError: one of them has no valid address.
        """
        return tuple(_provider(name, model) for name, model in sorted(self.models.items()))

    def default_models(self) -> tuple[str, ...]:
        """Model ids of every provider that names a model; the embedded agents where none does."""
        named = tuple(f"{name}:{m.model}" for name, m in sorted(self.models.items()) if m.model is not None)
        return named or (EMBEDDED_MODEL,)


def _provider(name: str, model: ModelSettings) -> Provider:
    try:
        return Provider(
            name=name,
            base_url=model.url,
            **model.model_dump(exclude={"url", "model", "api_key"}),
            api_key=model.api_key,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = f"{PREFIX}MODELS__{name.upper()}__URL"
        raise InputError(
            field, shown_address(model.url), first["msg"], "Give http(s)://host[:port][/path]."
        ) from error


_WAY_OUT = "docs/settings.md lists every setting."
_HIDDEN = "(hidden)"
_SECRET_WORDS = {"KEY", "SEED", "TOKEN"}
_OF_NO_FIELD = {"extra_forbidden", "model_type", "dict_type"}
"""Kinds of mistakes whose value is not that of one known setting, so it may hold anything."""


def _invalid(mistake: ErrorDetails) -> InputError:
    field, given = PREFIX + "__".join(str(part) for part in mistake["loc"]).upper(), mistake["input"]
    is_plain = isinstance(given, str | int | float) and mistake["type"] not in _OF_NO_FIELD
    if not is_plain or not _SECRET_WORDS.isdisjoint(field.split("_")):
        return InputError(_variables(field), _HIDDEN, mistake["msg"], _WAY_OUT)
    shown = shown_address(given) if isinstance(given, str) else given
    return InputError(field, shown, mistake["msg"], _WAY_OUT)


def _variables(field: str) -> str:
    """The variables that say something of a group of settings."""
    names = {name.upper() for name in os.environ}
    return ", ".join(sorted(n for n in names if n == field or n.startswith(f"{field}__"))) or field


def load_settings() -> Settings:
    """Read the environment.

    Checks find the commands of the virtual environment that is active here, unless another one is set.

    Raises:
        InputError: a variable is not valid; it is named as the environment names it.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise _invalid(error.errors(include_url=False)[0]) from error
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        field = _variables(PREFIX + named[1].upper() if named else PREFIX)
        raise InputError(field, _HIDDEN, "is not valid JSON", _WAY_OUT) from error
    settings = _with_standard_telemetry(settings)
    active = os.environ.get("VIRTUAL_ENV")
    if settings.sandbox.virtual_env is not None or active is None:
        return settings
    sandbox = settings.sandbox.model_copy(update={"virtual_env": Path(active)})
    return settings.model_copy(update={"sandbox": sandbox})


def _with_standard_telemetry(settings: Settings) -> Settings:
    """What OpenTelemetry's own variables say counts where the fleet's do not, and where its packages are there."""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if settings.telemetry.endpoint is not None or is_off or not endpoint.startswith(("http://", "https://")):
        return settings
    try:
        find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        return settings
    telemetry = settings.telemetry.model_copy(update={"endpoint": endpoint})
    return settings.model_copy(update={"telemetry": telemetry})


_CREDENTIALS = ("token", "nkey_seed_file", "nkey_seed", "credentials_file")


def nats_of_this_node(driver: NatsOptions) -> NatsOptions:
    """How an agent reaches the record: as its node's own variables say, and for the rest as its driver does.

    So nodes of a cluster have credentials and an inbox of their own, with an agent's permissions.

    Raises:
        InputError: a variable of this node is not valid.
    """
    own = load_settings().nats
    given = {name: getattr(own, name) for name in own.model_fields_set}
    dropped = dict.fromkeys(_CREDENTIALS) if given.keys() & set(_CREDENTIALS) else {}
    return driver.model_copy(update={**dropped, **given})


def unknown_variables() -> tuple[str, ...]:
    """Variables that begin like a setting but name none, sorted; a mistyped one among them has no effect."""
    known = tuple(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)
    ours = (name for name in os.environ if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST_"))
    return tuple(sorted(name for name in ours if not name.upper().startswith(known)))
