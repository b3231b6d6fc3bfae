"""What is on the record, read as anybody could read it: without the fleet."""

import json
from typing import Any

import nats


async def stored(url: str) -> list[dict[str, Any]]:
    """Every event on the record, read without the fleet."""
    client = await nats.connect(url)
    jetstream = client.jetstream()
    last = (await jetstream.stream_info("FLEET_EVENTS")).state.last_seq
    events = [await jetstream.get_msg("FLEET_EVENTS", sequence) for sequence in range(1, last + 1)]
    await client.close()
    return [json.loads(event.data or b"") for event in events]
