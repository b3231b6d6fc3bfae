"""How long the record keeps things is one setting, for the job that declares streams and for everybody else."""

import json
from pathlib import Path

import nats
from nats_accounts import K8S, program
from nats_server import running_nats_server
from story import Story

from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions


async def test_a_worker_finds_the_streams_as_the_job_has_declared_them(tmp_path: Path) -> None:
    declarations = json.loads((K8S / "base/streams/streams.json").read_text())
    job = program(K8S / "base/streams/declare_streams.py")
    async with running_nats_server(tmp_path) as server:
        client = await nats.connect(server.url)
        for days, outcome in ((30, "created"), (9, "updated"), (9, "unchanged")):
            lines = await job.declare(client, declarations, replicas=1, readers={}, retention_days=days)
            assert f"stream OBJ_fleet_blobs: {outcome}" in lines
            options = NatsOptions(url=server.url, declare_streams=False, retention_days=days)
            async with open_nats_record(options) as record:
                await record.events.publish(Story().requested())
        await client.close()
