"""Follows deliberations with a durable pull consumer; one JSON line for each event.

    python follow.py --server nats://nats:4222 --durable audit

Started again with the same name it goes on where it stopped. Needs nats-py and nothing of the fleet's.
docs/consumers.md tells the semantics.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import signal
import sys
from pathlib import Path

import nats
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

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
    parser.add_argument("--api-prefix", default="$JS.API", help="with accounts: $JS.fleet.API")
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
    """The durable consumer of that name; made here where there is none yet, unless accounts leave that to operators."""
    try:
        await js.consumer_info(STREAM, options.durable)
    except NotFoundError:
        begin = {"deliver_policy": DeliverPolicy.ALL}
        if options.from_sequence:
            begin = {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": options.from_sequence}
        config = ConsumerConfig(
            durable_name=options.durable,
            filter_subject=f"fleet.v1.event.{options.deliberation}.>",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            **begin,
        )
        await js.add_consumer(STREAM, config)
    return await js.pull_subscribe_bind(options.durable, STREAM)


async def read_blob(js, reference):
    """The data of a large event, checked against the digest that is its name.

    The chunks are read one by one and not with nats-py's object store, which needs to make a consumer for it.
    """
    bucket, _, name = reference.partition(":")
    stream, entry = f"OBJ_{bucket}", base64.urlsafe_b64encode(name.encode()).decode()
    meta = json.loads((await js.get_last_msg(stream, f"$O.{bucket}.M.{entry}", direct=True)).data)
    chunks, sequence = [], 0
    while len(chunks) < meta["chunks"]:
        subject = f"$O.{bucket}.C.{meta['nuid']}"
        message = await js.get_msg(stream, seq=sequence + 1, subject=subject, direct=True, next=True)
        chunks.append(message.data)
        sequence = message.seq
    content = b"".join(chunks)
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
    js = connection.jetstream(prefix=options.api_prefix)
    try:
        subscription = await subscribe(js, options)
    except (NatsError, TimeoutError) as error:
        sys.exit(f"{options.durable} cannot be opened ({error}); with accounts, operators declare it in readers.json")
    while not stop.is_set():
        try:
            for message in await subscription.fetch(BATCH, timeout=WAIT_S):
                await handle(js, message)
                await message.ack()  # only now: what was not acknowledged is delivered again
        except (NatsError, TimeoutError):
            await asyncio.sleep(PAUSE_S)  # nothing new, or the server is away: the next fetch goes on
    await subscription.unsubscribe()
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
