"""Declare the fleet's streams and durable consumers on a NATS server, once, with the credentials that may.

Idempotent: what is there and equal is left alone, what differs is updated in place, what cannot be updated in place is
an error that names it. Exit status: 0 all is as declared, 1 the server refused one of them, 4 the server is away.
"""

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

TIMEOUT_S = 10.0
EVENTS = "FLEET_EVENTS"
SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
READER_ACK_WAIT_S = 10
READER_AWAY_S = 30 * 86_400


class RefusedError(Exception):
    """The server refused a declaration; the message names it and gives the server's reason."""


async def _ask(client: Client, subject: str, body: Mapping[str, Any]) -> dict[str, Any]:
    reply = await client.request(subject, json.dumps(body).encode(), timeout=TIMEOUT_S)
    answer: dict[str, Any] = json.loads(reply.data)
    return answer


async def _declare_stream(client: Client, config: Mapping[str, Any]) -> str:
    name = config["name"]
    found = await _ask(client, f"$JS.API.STREAM.INFO.{name}", {})
    verb = "CREATE" if "error" in found else "UPDATE"
    if verb == "UPDATE" and {**found["config"], **config} == found["config"]:
        return "unchanged"
    answer = await _ask(client, f"$JS.API.STREAM.{verb}.{name}", config)
    if "error" in answer:
        raise RefusedError(f"stream {name}: {answer['error']['description']}")
    return "created" if verb == "CREATE" else "updated"


async def _declare_consumer(client: Client, stream: str, config: Mapping[str, Any]) -> str:
    name = config["durable_name"]
    subject = f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{name}"
    answer = await _ask(client, subject, {"stream_name": stream, "config": dict(config)})
    if "error" in answer:
        raise RefusedError(f"consumer {name} of {stream}: {answer['error']['description']}")
    return "declared"


def _reader(name: str, subject: str) -> dict[str, Any]:
    """A consumer that a reader of events pulls from; gone when nobody has pulled for as long as events stay."""
    return {
        "durable_name": name,
        "filter_subject": subject,
        "ack_policy": "explicit",
        "ack_wait": READER_ACK_WAIT_S * SECOND_NS,
        "inactive_threshold": READER_AWAY_S * SECOND_NS,
    }


def _kept(config: Mapping[str, Any], retained: Mapping[str, int], days: int | None) -> dict[str, int]:
    """How long a stream keeps its messages, where that follows the events."""
    if days is None or config["name"] not in retained:
        return {}
    return {"max_age": (days + retained[config["name"]]) * DAY_NS}


async def declare(
    client: Client,
    declarations: Mapping[str, Any],
    *,
    replicas: int,
    readers: Mapping[str, str],
    retention_days: int | None = None,
) -> list[str]:
    """Bring the server to what is declared; one line per stream and consumer, in order of declaration.

    Args:
        client: connected with the credentials that may.
        declarations: streams and consumers, as the fleet's code has them.
        replicas: copies of each stream.
        readers: durable consumers of events, by name: the subjects that each reads.
        retention_days: how long events stay; as declared where it is None.

    Raises:
        RefusedError: the server refused one; what came before it stays declared.
    """
    lines = []
    for config in declarations["streams"]:
        kept = _kept(config, declarations["retained"], retention_days)
        outcome = await _declare_stream(client, {**config, **kept, "num_replicas": replicas})
        lines.append(f"stream {config['name']}: {outcome}")
    for consumer in declarations["consumers"]:
        outcome = await _declare_consumer(client, consumer["stream"], consumer["config"])
        lines.append(f"consumer {consumer['config']['durable_name']} of {consumer['stream']}: {outcome}")
    for name, subject in readers.items():
        outcome = await _declare_consumer(client, EVENTS, _reader(name, subject))
        lines.append(f"reader {name} of {subject}: {outcome}")
    return lines


async def _run(arguments: argparse.Namespace) -> int:
    tls = ssl.create_default_context(cafile=arguments.ca_file) if arguments.ca_file else None
    try:
        client = await nats.connect(
            arguments.url,
            nkeys_seed_str=arguments.seed_file.read_text().strip(),
            inbox_prefix=arguments.inbox_prefix.encode(),
            tls=tls,
            name="declare-streams",
            max_reconnect_attempts=5,
        )
    except (NatsError, OSError, TimeoutError) as error:
        sys.stderr.write(f"NATS does not answer at {arguments.url}: {error}\n")
        return 4
    try:
        declarations = json.loads(arguments.declarations.read_text())
        readers = json.loads(arguments.readers.read_text()) if arguments.readers else {}
        lines = await declare(
            client,
            declarations,
            replicas=arguments.replicas,
            readers=readers,
            retention_days=arguments.retention_days,
        )
    except RefusedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        await client.close()
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def main() -> int:
    """Read the arguments and declare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--declarations", type=Path, required=True)
    parser.add_argument(
        "--readers", type=Path, help="JSON object: name of a durable consumer to its subjects"
    )
    parser.add_argument("--url", required=True)
    parser.add_argument("--seed-file", type=Path, required=True)
    parser.add_argument("--inbox-prefix", default="_INBOX")
    parser.add_argument("--ca-file", default="")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--retention-days", type=int, help="how long events, snapshots and blobs stay")
    return asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
