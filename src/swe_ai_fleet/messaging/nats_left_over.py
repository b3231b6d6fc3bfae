"""Commands that were in somebody's hands when their server ended.

The server remembers across its own end whom it gave a command, but not that it was handed back: after a restart each
would come again only when its time for an answer has passed.
"""

import asyncio

from swe_ai_fleet.messaging.nats_connecting import open_connection
from swe_ai_fleet.messaging.nats_requests import JetStreamApi, JetStreamError
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import consumer_declarations

_SHORT_NS = 1_000_000
"""Time for an answer meanwhile: what was handed out just before the server ended is overdue too."""
_LOOKS_S = 2.0
"""The server looks for overdue answers a tenth of a second after that time was changed; on a busy machine, later."""


async def hand_out_left_over(options: NatsOptions) -> int:
    """Have them handed out at once; for a server that nobody else has used since it was started.

    Returns:
        How many there were.

    Raises:
        FleetError: the server does not answer, or these credentials may not.
    """
    async with open_connection(options) as connection:
        api = JetStreamApi(connection, timeout_s=options.request_s, prefix=options.api_prefix)
        found = 0
        for stream, config in consumer_declarations():
            name = config["durable_name"]
            try:
                info = await api.ask(f"CONSUMER.INFO.{stream}.{name}")
            except JetStreamError:
                continue  # a record that is still empty
            if info["num_ack_pending"]:
                found += int(info["num_ack_pending"])
                verb = f"CONSUMER.DURABLE.CREATE.{stream}.{name}"
                await api.ask(verb, {"stream_name": stream, "config": {**config, "ack_wait": _SHORT_NS}})
                await asyncio.sleep(_LOOKS_S)
                await api.ask(verb, {"stream_name": stream, "config": config})
        return found
