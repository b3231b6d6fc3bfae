"""How to reach the record."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from swe_ai_fleet.domain.address import shown_address
from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.messaging.streams import RETENTION_DAYS

_SCHEMES = {"nats", "tls", "ws", "wss"}


class NatsOptions(Value):
    """The connection to NATS, and how hard to try."""

    url: str | None = None
    """``nats://host:4222`` or ``tls://host:4222``; several of one cluster joined by commas; None: embedded."""
    token: SecretStr | None = None
    """Opens a server that asks for a token."""
    nkey_seed_file: Path | None = None
    """File with the seed of this component's nkey."""
    nkey_seed: SecretStr | None = None
    """The seed itself, where there is no file."""
    credentials_file: Path | None = None
    """``.creds`` file of an operator-mode account."""
    tls_ca_file: Path | None = None
    """Authority that the servers' certificates are checked against; the system's where it is None."""
    inbox_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")] = "_INBOX"
    """Where replies come in; the one subject that this component's permissions let it subscribe for them."""
    api_prefix: Annotated[str, Field(pattern=r"^[$A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")] = "$JS.API"
    """Where JetStream's API answers; another one where it is imported from another account."""
    connect_s: Annotated[float, Field(gt=0)] = 5.0
    """Limit on the first connection; a connection that is lost later is looked for without end."""
    request_s: Annotated[float, Field(gt=0)] = 5.0
    """Limit on one request to the server before it is sent again."""
    publish_s: Annotated[float, Field(gt=0)] = 90.0
    """How long publishing one event goes on before the caller is told; the outbox goes on for as long as it is open."""
    outbox_bytes: Annotated[int, Field(ge=1024**2)] = 64 * 1024**2
    """What may wait unacknowledged in this process; publishing beyond it waits for room."""
    in_flight: Annotated[int, Field(ge=1)] = 256
    """Publishes of one process that await their acknowledgement at once."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """Copies of every stream that this process creates."""
    retention_days: Annotated[int, Field(ge=7)] = RETENTION_DAYS
    """How long events, snapshots and blobs stay, in days; a command may wait for seven."""
    declare_streams: bool = True
    """Create or update streams that are not as declared; False: only say so."""

    @field_validator("url")
    @classmethod
    def _names_servers(cls, url: str | None) -> str | None:
        for address in _split(url):
            if not _is_server(address):
                shown = shown_address(address)
                msg = f"url must be nats://host:port or tls://host:port, several joined by commas, not {shown!r}"
                raise ValueError(msg)
        return url

    @model_validator(mode="after")
    def _one_kind_of_credentials(self) -> Self:
        given = (self.token, self.nkey_seed_file, self.nkey_seed, self.credentials_file)
        if sum(one is not None for one in given) > 1:
            msg = "give one of token, nkey_seed_file, nkey_seed and credentials_file"
            raise ValueError(msg)
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """The servers to try, in the order given."""
        return _split(self.url)

    @property
    def shown_addresses(self) -> str:
        """The servers as people may see them."""
        return ",".join(shown_address(address) for address in self.addresses)


def _is_server(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:  # its own message may show a password
        return False
    return parts.scheme in _SCHEMES and bool(parts.hostname)


def _split(url: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (url or "").split(",") if part.strip())
