"""Follows deliberations with a durable pull consumer; one JSON line for each event.

    python follow.py --server nats://nats:4222 --durable audit

Started again with the same name it goes on where it stopped. Needs nats-py and nothing of the fleet's.
docs/consumers.md tells the semantics.
"""

import argparse
import asyncio
import hashlib
import json
import signal
import sys
from pathlib import Path

import nats
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

STREAM = "FLEET_EVENTS"
BATCH = 100
WAIT_S = 2.0
PAUSE_S = 0.2
ACK_WAIT_S = 10
"""What a reader that died had taken is delivered again after it."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="nats://localhost:4222")
    parser.add_argument("--durable", required=True, help="name under which the server remembers what was acknowledged")
    parser.add_argument("--deliberation", default="*")
    parser.add_argument("--from-sequence", type=int, help="where a new consumer begins; the first event by default")
    parser.add_argument("--token")
    parser.add_argument("--seed-file", type=Path, help="nkey seed")
    parser.add_argument("--inbox-prefix", default="_INBOX")
    return parser.parse_args()


async def connect(options):
    """A connection that comes back by itself."""
    credentials = {"token": options.token} if options.token else {}
    if options.seed_file:
        credentials = {"nkeys_seed_str": options.seed_file.read_text().strip()}
    return await nats.connect(
        options.server,
        name="consumer-python",
        inbox_prefix=options.inbox_prefix.encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,
        **credentials,
    )


async def subscribe(js, options):
    begin = {"deliver_policy": DeliverPolicy.ALL}
    if options.from_sequence:
        begin = {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": options.from_sequence}
    config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, **begin)
    subject = f"fleet.v1.event.{options.deliberation}.>"
    return await js.pull_subscribe(subject, durable=options.durable, stream=STREAM, config=config)


async def read_blob(js, reference):
    """The data of a large event, checked against the digest that is its name."""
    bucket, _, name = reference.partition(":")
    store = await js.object_store(bucket)
    content = (await store.get(name)).data
    if hashlib.sha256(content).hexdigest() != name:
        raise ValueError(f"the blob {name} is damaged")
    return json.loads(content)


async def handle(js, message):
    """Do what the event is for; here: print it."""
    event = json.loads(message.data)
    data = await read_blob(js, event["dataref"]) if "dataref" in event else event["data"]
    place = message.metadata
    line = {
        "sequence": place.sequence.stream,
        "delivery": place.num_delivered,
        "id": event["id"],
        "type": event["type"],
        "task": data["task_id"],
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def main():
    options = arguments()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    connection = await connect(options)
    js = connection.jetstream()
    subscription = await subscribe(js, options)
    while not stop.is_set():
        try:
            messages = await subscription.fetch(BATCH, timeout=WAIT_S)
        except (NatsError, TimeoutError):
            await asyncio.sleep(PAUSE_S)  # nothing new, or the server is away: the next fetch goes on
            continue
        for message in messages:
            await handle(js, message)
            await message.ack()  # only now: what was not acknowledged is delivered again
    await subscription.unsubscribe()
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
