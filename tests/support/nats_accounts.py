"""A nats-server with the accounts of the manifests, and every component's credentials."""

import asyncio
import importlib.util
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nats
from nats.aio.client import Client
from nats_server import NatsServer
from pydantic import SecretStr

from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import Record

K8S = Path(__file__).parents[2] / "deploy" / "k8s"
COMPONENTS = ("worker", "agent", "streams", "submitter", "consumer", "backup")
API_OF_OTHERS = "$JS.fleet.API"
"""Where agents and readers, which are not in the fleet's account, find JetStream's API."""


def api_prefix(component: str) -> str:
    """Where a component finds JetStream's API."""
    return API_OF_OTHERS if component in {"agent", "consumer"} else "$JS.API"


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """A server with the accounts, and the seeds of all components."""

    server: NatsServer
    seeds: dict[str, str]
    next_seeds: dict[str, str]

    @asynccontextmanager
    async def client(self, component: str, *, seed: str | None = None) -> AsyncIterator["Connected"]:
        """A plain connection, and what the server refuses on it."""
        refused: asyncio.Queue[str] = asyncio.Queue()

        async def on_error(error: Exception) -> None:
            refused.put_nowait(str(error).lower())

        client = await nats.connect(
            self.server.url,
            nkeys_seed_str=seed or self.seeds[component],
            inbox_prefix=f"_INBOX_{component}".encode(),
            error_cb=on_error,
        )
        try:
            yield Connected(client=client, refused=refused)
        finally:
            await client.close()

    @asynccontextmanager
    async def record(self, component: str) -> AsyncIterator[Record]:
        """The fleet's record with a component's credentials."""
        options = NatsOptions(
            url=self.server.url,
            nkey_seed=SecretStr(self.seeds[component]),
            inbox_prefix=f"_INBOX_{component}",
            declare_streams=False,
            api_prefix=api_prefix(component),
        )
        async with open_nats_record(options) as opened:
            yield opened

    async def declare(self, readers: Mapping[str, str] | None = None) -> list[str]:
        """What the job declare-streams does, with its own credentials; its lines."""
        declarations = json.loads((K8S / "base/streams/streams.json").read_text())
        async with self.client("streams") as connected:
            job = program(K8S / "base/streams/declare_streams.py")
            lines: list[str] = await job.declare(
                connected.client, declarations, replicas=1, readers=readers or {}
            )
        return lines


@dataclass(frozen=True, kw_only=True)
class Connected:
    """A connection, and the errors that the server sends on it, in lower case."""

    client: Client
    refused: "asyncio.Queue[str]"


def program(path: Path) -> ModuleType:
    """A program of the manifests, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def nats_with_accounts(folder: Path) -> Iterator[Accounts]:
    """A server whose streams are not declared yet."""
    made = program(K8S / "make_secrets.py").new_secrets()
    (folder / "nkeys.conf").write_text(made["nats-accounts"]["nkeys.conf"])
    shutil.copy(K8S / "base/nats/accounts.conf", folder)
    server = NatsServer(folder=folder, config='include "accounts.conf"')
    asyncio.run(server.start())
    try:
        seeds, following = (
            {name: made[f"nats-{name}"][key] for name in COMPONENTS} for key in ("seed", "seed.next")
        )
        yield Accounts(server=server, seeds=seeds, next_seeds=following)
    finally:
        server.kill()
