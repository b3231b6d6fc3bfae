"""Copy the record from a NATS server into a folder, or from a folder into an empty server: streams and consumers.

    python deploy/k8s/record_backup.py backup FOLDER --url tls://localhost:4222 --seed-file seed --ca-file ca.crt
    python deploy/k8s/record_backup.py restore FOLDER --url ...

A backup may be taken while the fleet works: each stream is consistent in itself. Exit status: 0 done, 1 the server
refused something, 4 the server is away. Needs nats-py and the key of the component ``backup``.
"""

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

TIMEOUT_S = 20.0
CHUNK_BYTES = 128 * 1024


class RefusedError(Exception):
    """The server refused; the message names the stream and gives the server's reason."""


async def _ask(client: Client, subject: str, body: object = None) -> dict[str, Any]:
    payload = b"" if body is None else json.dumps(body).encode()
    answer: dict[str, Any] = json.loads((await client.request(subject, payload, timeout=TIMEOUT_S)).data)
    if "error" in answer:
        raise RefusedError(f"{subject}: {answer['error']['description']}")
    return answer


async def backup(client: Client, folder: Path) -> list[str]:
    """Write every stream that there is; one line for each.

    Raises:
        RefusedError: a stream cannot be copied; what came before it is in the folder.
    """
    names = (await _ask(client, "$JS.API.STREAM.NAMES"))["streams"] or []
    lines = []
    for name in sorted(names):
        taken = await _snapshot(client, name, folder / f"{name}.snapshot")
        (folder / f"{name}.json").write_text(json.dumps(taken, indent=2) + "\n")
        lines.append(f"{name}: {taken['state']['messages']} messages")
    return lines


async def _snapshot(client: Client, name: str, path: Path) -> dict[str, Any]:
    """The stream's configuration and state; its content goes into the file."""
    inbox = client.new_inbox()
    chunks = await client.subscribe(inbox, pending_bytes_limit=-1, pending_msgs_limit=-1)
    body = {"deliver_subject": inbox, "chunk_size": CHUNK_BYTES, "no_consumers": False}
    try:
        answer = await _ask(client, f"$JS.API.STREAM.SNAPSHOT.{name}", body)
        with path.open("wb") as file:
            while (chunk := await chunks.next_msg(timeout=TIMEOUT_S)).data:
                file.write(chunk.data)
                if chunk.reply:
                    await client.publish(chunk.reply)  # the server waits for it before it sends much more
    finally:
        await chunks.unsubscribe()
    status = (chunk.headers or {}).get("Status", "204")
    if status != "204":
        raise RefusedError(
            f"{name}: the copy was cut: {status} {(chunk.headers or {}).get('Description', '')}"
        )
    return {"config": answer["config"], "state": answer["state"]}


async def restore(client: Client, folder: Path) -> list[str]:
    """Make every stream of the folder on a server that has none of them; one line for each.

    Raises:
        RefusedError: a stream is there already, or what was sent is damaged.
    """
    lines = []
    for described in _described(folder):
        name, taken = described.stem, json.loads(described.read_text())
        answer = await _ask(client, f"$JS.API.STREAM.RESTORE.{name}", taken)
        with (folder / f"{name}.snapshot").open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                await client.request(answer["deliver_subject"], chunk, timeout=TIMEOUT_S)
        ended = await _ask(client, answer["deliver_subject"])
        lines.append(f"{name}: {ended['state']['messages']} messages")
    return lines


def _described(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


@asynccontextmanager
async def connected(arguments: argparse.Namespace) -> AsyncIterator[Client]:
    """A connection with the credentials that were given."""
    client = await nats.connect(
        arguments.url,
        nkeys_seed_str=arguments.seed_file.read_text().strip() if arguments.seed_file else None,
        inbox_prefix=arguments.inbox_prefix.encode(),
        tls=ssl.create_default_context(cafile=arguments.ca_file) if arguments.ca_file else None,
        name="record-backup",
        max_reconnect_attempts=5,
        reconnect_time_wait=0.5,
    )
    try:
        yield client
    finally:
        await client.close()


ACTS: dict[str, Callable[[Client, Path], Coroutine[Any, Any, list[str]]]] = {
    "backup": backup,
    "restore": restore,
}


async def _run(arguments: argparse.Namespace) -> int:
    try:
        async with connected(arguments) as client:
            lines = await ACTS[arguments.act](client, arguments.folder)
    except RefusedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (NatsError, OSError, TimeoutError) as error:
        sys.stderr.write(f"NATS does not answer at {arguments.url}: {str(error) or type(error).__name__}\n")
        return 4
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def main() -> int:
    """Read the arguments and copy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("act", choices=sorted(ACTS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="nats://localhost:4222")
    parser.add_argument("--seed-file", type=Path)
    parser.add_argument("--inbox-prefix", default="_INBOX_backup")
    parser.add_argument("--ca-file", default="")
    arguments = parser.parse_args()
    if arguments.act == "backup":
        arguments.folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_run(arguments))


if __name__ == "__main__":
    sys.exit(main())
