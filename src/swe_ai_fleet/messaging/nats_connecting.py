"""Opening the connection: credentials, certificates, and an answer within seconds where nobody is there."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nkeys
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from swe_ai_fleet.errors import InputError, RecordDeniedError, UnreachableError
from swe_ai_fleet.messaging.nats_client import FleetClient, is_turned_away
from swe_ai_fleet.messaging.nats_connection import NatsConnection
from swe_ai_fleet.messaging.options import NatsOptions

_log = structlog.get_logger()
_WAY_OUT = "Start it (nats-server -js), or leave FLEET_NATS__URL unset for an embedded one."
_RECONNECT_WAIT_S = 0.2
_PING_S = 5


@asynccontextmanager
async def open_connection(options: NatsOptions) -> AsyncIterator[NatsConnection]:
    """A connection that comes back by itself when it is lost.

    Raises:
        InputError: no address, or a file of credentials or certificates that cannot be read.
        UnreachableError: nobody answers within ``options.connect_s``.
        RecordDeniedError: the server does not know these credentials.
    """
    connection = NatsConnection(FleetClient(), inbox_prefix=options.inbox_prefix)
    wanted = await asyncio.to_thread(_client_options, options)
    await _connect(connection, options, wanted)
    try:
        await connection.start()
        yield connection
    finally:
        await connection.stop()


async def _connect(connection: NatsConnection, options: NatsOptions, wanted: dict[str, Any]) -> None:
    async def on_error(error: Exception) -> None:
        if not connection.has_started and is_turned_away(error):
            raise RecordDeniedError(
                f"NATS at {options.shown_addresses} does not know these credentials"
            ) from error
        await connection.on_error(error)

    try:
        async with asyncio.timeout(options.connect_s):
            await connection.client.connect(
                **wanted,
                error_cb=on_error,
                disconnected_cb=connection.on_disconnected,
                reconnected_cb=connection.on_reconnected,
                closed_cb=connection.on_closed,
            )
    except (TimeoutError, NatsError, OSError) as error:
        await _abandon(connection.client)
        why = f" ({connection.last_error})" if connection.last_error else ""
        raise UnreachableError("NATS", options.shown_addresses + why, _WAY_OUT) from error
    except (RecordDeniedError, asyncio.CancelledError):
        await _abandon(connection.client)
        raise


async def _abandon(client: Client) -> None:
    """Close what a connect that was cut short has opened; cut short in its own clean-up, it left that to us."""
    try:
        async with asyncio.timeout(1.0):
            await client.close()
    except (TimeoutError, NatsError, OSError) as error:
        _log.debug("record.abandon_failed", error=str(error))
    transport = client._transport  # noqa: SLF001  # the client calls itself closed and keeps its socket
    if transport is not None:
        transport.close()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def _client_options(options: NatsOptions) -> dict[str, Any]:
    if not options.addresses:
        raise InputError("FLEET_NATS__URL", options.url, "no address", "Give nats://host:4222.")
    wanted: dict[str, Any] = {
        "servers": list(options.addresses),
        "name": "swe-ai-fleet",
        "inbox_prefix": options.inbox_prefix,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": _RECONNECT_WAIT_S,
        "connect_timeout": options.connect_s,
        "ping_interval": _PING_S,
        "pending_size": options.outbox_bytes,
        "skip_subject_validation": True,
    }
    if options.token is not None:
        wanted["token"] = options.token.get_secret_value()
    if options.nkey_seed is not None:
        wanted["nkeys_seed_str"] = _seed("FLEET_NATS__NKEY_SEED", options.nkey_seed.get_secret_value())
    if options.nkey_seed_file is not None:
        field = "FLEET_NATS__NKEY_SEED_FILE"
        wanted["nkeys_seed_str"] = _seed(field, _read(field, options.nkey_seed_file))
    if options.credentials_file is not None:
        _read("FLEET_NATS__CREDENTIALS_FILE", options.credentials_file)
        wanted["user_credentials"] = str(options.credentials_file)
    if options.tls_ca_file is not None or any(a.startswith(("tls:", "wss:")) for a in options.addresses):
        wanted["tls"] = _tls(options.tls_ca_file)
    return wanted


def _read(field: str, path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(field, str(path), f"cannot be read: {error}", "Name a readable file.") from error


def _seed(field: str, text: str) -> str:
    """The seed, once it is known to be one; it is never shown."""
    seed = text.strip()
    try:
        nkeys.from_seed(bytearray(seed.encode())).wipe()
    except (nkeys.NkeysError, ValueError) as error:
        raise InputError(field, "(hidden)", "holds no nkey seed", "Give one that begins with SU.") from error
    return seed


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        way_out = "Name a file of certificates in PEM."
        raise InputError(
            "FLEET_NATS__TLS_CA_FILE", str(ca_file), f"is no authority: {error}", way_out
        ) from error
