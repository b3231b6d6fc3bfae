"""Carrying out the plan: break it, wait, mend it; every fault is written down as it begins."""

import asyncio
import json
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import nats.errors
import nats.js.errors

from chaos.nats_servers import NatsServer, connect, leader_of, settled
from chaos.plan import Kind, Strike
from chaos.rig import BACKGROUND, Rig, Worker, start_model

_FILLER = "CHAOS_FILLER"
_PIECE = b"x" * (512 * 1024)


class Strikes:
    """One stage's strikes; those on the same part wait for each other."""

    def __init__(self, rig: Rig) -> None:
        """Nothing is broken yet."""
        self._rig = rig
        self._record = asyncio.Lock()
        self._ray = asyncio.Lock()
        self._parts = {id(part): asyncio.Lock() for part in (*rig.models, *rig.workers)}
        self.done = 0

    async def run(self) -> None:
        """All of them, each at its time or as soon after it as its part is whole again."""
        async with asyncio.TaskGroup() as group:
            for strike in self._rig.stage.strikes:
                group.create_task(self._at_its_time(strike))

    async def _at_its_time(self, strike: Strike) -> None:
        await asyncio.sleep(strike.at_s)
        try:
            await self._carry_out(strike)
        except (OSError, nats.errors.Error) as error:  # mending failed; what that leaves is part of the run
            self._rig.told("not carried out", strike=strike.kind, why=repr(error))
        self.done += 1

    async def _carry_out(self, strike: Strike) -> None:
        match strike.kind:
            case Kind.WORKER_KILLED | Kind.WORKER_TOLD_TO_STOP | Kind.WORKER_PAUSED | Kind.CLOCK_STEPPED:
                worker = self._rig.workers[strike.target % len(self._rig.workers)]
                async with self._parts[id(worker)]:
                    await self._strike_worker(strike, worker)
            case Kind.MODEL_KILLED | Kind.MODEL_FAULTS:
                await self._strike_model(strike)
            case Kind.ACTOR_KILLED | Kind.RAY_WORKER_KILLED | Kind.RAYLET_KILLED:
                async with self._ray:
                    await self._strike_ray(strike)
            case _:
                async with self._record:
                    await self._strike_record(strike)
                    await settled(self._rig.servers)

    async def _strike_worker(self, strike: Strike, worker: Worker) -> None:
        process = worker.process
        facts = {"pid": process.pid, "target": process.name, "hold_s": strike.hold_s}
        if strike.kind is Kind.CLOCK_STEPPED:
            self._rig.told(strike.kind, step_s=strike.step_s, **facts)
            worker.clock.write_text(str(strike.step_s))
            await asyncio.sleep(strike.hold_s)
            worker.clock.write_text("0")
            return
        worker.is_struck = True
        self._rig.told(strike.kind, **facts)
        if strike.kind is Kind.WORKER_PAUSED:
            process.signal(signal.SIGSTOP)
            await asyncio.sleep(strike.hold_s)
            process.signal(signal.SIGCONT)
        else:
            if strike.kind is Kind.WORKER_KILLED:
                await process.kill()
            else:
                self._rig.told("exit", target=process.name, status=await self._rig.stop(worker))
            await asyncio.sleep(strike.hold_s)
            await process.start()
        worker.is_struck = False

    async def _strike_model(self, strike: Strike) -> None:
        model = self._rig.models[strike.target % len(self._rig.models)]
        async with self._parts[id(model)]:
            facts = {"target": model.name, "hold_s": strike.hold_s}
            self._rig.told(strike.kind, faults=strike.model_faults, **facts)
            if strike.kind is Kind.MODEL_KILLED:
                await model.kill()
                await asyncio.sleep(strike.hold_s)
                await start_model(model)
                return
            plan = {**BACKGROUND, "share": 0.6, "kinds": strike.model_faults}
            await model.tell(json.dumps({"faults": plan}))
            await asyncio.sleep(strike.hold_s)
            await model.tell(json.dumps({"faults": BACKGROUND}))

    async def _strike_ray(self, strike: Strike) -> None:
        ray = self._rig.ray
        if ray is None:
            return
        if strike.kind is Kind.RAYLET_KILLED:
            self._rig.told(strike.kind, hold_s=strike.hold_s)
            await ray.kill_raylet(strike.target)
            await asyncio.sleep(strike.hold_s)
            await ray.add()
            return
        pids = ray.actors() if strike.kind is Kind.ACTOR_KILLED else ray.others()[:2]
        if not pids:
            self._rig.told("not carried out", strike=strike.kind, why="there is no such process")
            return
        pid = pids[strike.target % len(pids)]
        self._rig.told(strike.kind, pid=pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    async def _strike_record(self, strike: Strike) -> None:
        servers = self._rig.servers
        server = servers[strike.target % len(servers)]
        if strike.kind in {Kind.LEADER_KILLED, Kind.LEADER_PAUSED, Kind.FOLLOWER_KILLED}:
            leader = await leader_of(servers, "FLEET_EVENTS") or server
            others = [other for other in servers if other is not leader]
            server = others[strike.target % 2] if strike.kind is Kind.FOLLOWER_KILLED else leader
        ways: dict[Kind, Callable[[NatsServer, Strike], Awaitable[None]]] = {
            Kind.QUOTA_FULL: self._fill_quota,
            Kind.DISK_FULL: self._fill_disk,
            Kind.NETWORK_CUT: self._cut,
            Kind.NATS_PAUSED: self._pause,
            Kind.LEADER_PAUSED: self._pause,
        }
        await ways.get(strike.kind, self._kill)(server, strike)

    def _told(self, server: NatsServer, strike: Strike) -> None:
        self._rig.told(strike.kind, target=server.name, hold_s=strike.hold_s)

    async def _kill(self, server: NatsServer, strike: Strike) -> None:
        self._told(server, strike)
        await server.kill()
        await asyncio.sleep(strike.hold_s)
        await server.start()

    async def _pause(self, server: NatsServer, strike: Strike) -> None:
        self._told(server, strike)
        server.pause()
        await asyncio.sleep(strike.hold_s)
        server.resume()

    async def _cut(self, server: NatsServer, strike: Strike) -> None:
        self._told(server, strike)
        await server.cut(off=True)
        await asyncio.sleep(strike.hold_s)
        await server.cut(off=False)

    async def _fill_quota(self, server: NatsServer, strike: Strike) -> None:
        """Another stream takes all that JetStream may store, until it is deleted."""
        client = await connect([server])
        try:
            js = client.jetstream(timeout=10)
            await js.add_stream(name=_FILLER, subjects=["chaos.filler"])
            try:
                with suppress(nats.js.errors.APIError):
                    while True:
                        await js.publish("chaos.filler", _PIECE)
                await _top_up(js)
                self._told(server, strike)
                await asyncio.sleep(strike.hold_s)
            finally:
                await js.delete_stream(_FILLER)
        except (nats.errors.Error, OSError) as error:
            self._rig.told("not carried out", strike=strike.kind, why=repr(error))
        finally:
            await client.close()

    async def _fill_disk(self, server: NatsServer, strike: Strike) -> None:
        """A file takes all that is left; it is deleted and the server started again, for it does not look twice."""
        if self._rig.disk is None:
            self._rig.told("not carried out", strike=strike.kind, why="this user may not mount a file system")
            return
        filler = self._rig.disk / "filler"
        self._told(server, strike)
        await asyncio.to_thread(_fill, filler)
        await asyncio.sleep(strike.hold_s)
        filler.unlink()
        await server.kill()
        await server.start()


async def _top_up(js: object) -> None:
    """Smaller and smaller pieces, until not even the smallest fits."""
    size = len(_PIECE)
    while size > 64:
        size //= 2
        with suppress(nats.js.errors.APIError):
            while True:
                await js.publish("chaos.filler", b"x" * size)  # type: ignore[attr-defined]


def _fill(path: os.PathLike[str]) -> None:
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123
        for size in (1024**2, 4096, 64):
            with suppress(OSError):
                while True:
                    file.write(random.randbytes(size))
