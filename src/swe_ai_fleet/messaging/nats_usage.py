"""What the record takes on its server."""

from collections.abc import Mapping

from swe_ai_fleet.messaging.nats_connecting import open_connection
from swe_ai_fleet.messaging.nats_requests import JetStreamApi
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import stream_declarations


async def stored_bytes(options: NatsOptions) -> Mapping[str, int]:
    """Bytes that each stream holds, by its name, over a connection of its own.

    Raises:
        UnreachableError: nobody answers.
        RecordError: a stream is missing, or these credentials may not ask for it.
    """
    async with open_connection(options) as connection:
        api = JetStreamApi(connection, timeout_s=options.request_s, prefix=options.api_prefix)
        names = [config["name"] for config in stream_declarations()]
        return {name: (await api.ask(f"STREAM.INFO.{name}"))["state"]["bytes"] for name in names}
