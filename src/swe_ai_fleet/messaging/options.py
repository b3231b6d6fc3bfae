"""How to reach the record."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

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

    @model_validator(mode="after")
    def _addresses_and_credentials(self) -> Self:
        for address in self.addresses:
            parts = urlsplit(address)
            if parts.scheme not in _SCHEMES or not parts.hostname:
                msg = f"url must be nats://host:port or tls://host:port, several joined by commas, not {address!r}"
                raise ValueError(msg)
        given = (self.token, self.nkey_seed_file, self.nkey_seed, self.credentials_file)
        if sum(one is not None for one in given) > 1:
            msg = "give one of token, nkey_seed_file, nkey_seed and credentials_file"
            raise ValueError(msg)
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """The servers to try, in the order given."""
        return tuple(part.strip() for part in (self.url or "").split(",") if part.strip())
