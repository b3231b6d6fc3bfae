"""Whole runs of the fleet as jobs of a Ray cluster: submitted once, followed, stopped."""

import asyncio
import hashlib
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self, TypeVar

from ray.exceptions import RayError
from ray.job_submission import JobDetails, JobSubmissionClient

from swe_ai_fleet.domain.address import shown_address
from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.errors import InputError, UnreachableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.placement import check_selector

_Answer = TypeVar("_Answer")
_REQUEST_S = 30.0
_PAUSE_S = 1.0
_MISSES = 10
"""So many answers in a row may fail to come before a run that is followed counts as out of reach."""
_SHARE = 9
"""Reading logs takes at most a tenth of the time: each reading gets them whole."""
_NOT_YET = "try again later"
"""In Ray's answer while no node is ready to run a job."""
_WAY_OUT = "Start it with a dashboard, or correct FLEET_RAY__DASHBOARD and FLEET_RAY__TOKEN."


class JobState(StrEnum):
    """How a job stands, in Ray's words."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"

    @property
    def is_final(self) -> bool:
        """Nothing comes after it."""
        return self not in {JobState.PENDING, JobState.RUNNING}


PREFIX = "fleet-"
"""Of the ids of all runs that the fleet has submitted."""


class RayJob(Value):
    """One submitted run."""

    submission_id: str
    state: JobState
    entrypoint: str
    exit_code: int | None = None
    """Of the entrypoint, once it has ended by itself."""
    message: str = ""
    """What Ray says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlace:
    """Where the entrypoint runs; the fleet's own actors are placed by its settings."""

    num_cpus: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)
    label_selector: Mapping[str, str] = field(default_factory=dict)


def submission_id_of(key: str, *, attempt: int = 1) -> str:
    """The one id under which the run of that key is submitted, so that submitting it again is no second run.

    A run that ended badly is submitted again with the next ``attempt``.
    """
    submission_id = PREFIX + hashlib.sha256(key.encode()).hexdigest()[:20]
    return submission_id if attempt == 1 else f"{submission_id}-{attempt}"


class RayJobs:
    """The jobs of one cluster, over the HTTP interface of its dashboard."""

    def __init__(self, client: JobSubmissionClient, address: str, *, start_timeout_s: float) -> None:
        """Use :meth:`open`, which sees that the cluster answers."""
        self._start_timeout_s = start_timeout_s
        self._client = client
        self._address = address

    @classmethod
    @asynccontextmanager
    async def open(cls, options: RayOptions) -> AsyncIterator[Self]:
        """The jobs of the cluster whose dashboard the options name.

        Raises:
            InputError: they name none.
            UnreachableError: it does not answer, or refuses the token.
        """
        address = options.dashboard
        if address is None:
            raise InputError(
                "ray.dashboard", None, "is not set", "Set FLEET_RAY__DASHBOARD to http://host:8265."
            )
        token = options.token
        headers = None if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
        try:
            async with asyncio.timeout(options.connect_timeout_s):
                client = await asyncio.to_thread(JobSubmissionClient, address, headers=headers)
        except (OSError, RuntimeError, TimeoutError, ValueError, RayError) as error:
            raise _unreachable(address, error) from error
        yield cls(client, address, start_timeout_s=options.start_timeout_s)

    async def submit(
        self,
        argv: Sequence[str],
        *,
        submission_id: str,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        place: JobPlace | None = None,
    ) -> RayJob:
        """Start a run; one that has this id already is returned as it stands, and nothing is started.

        Args:
            argv: the command, run on one of the cluster's nodes.
            submission_id: see :func:`submission_id_of`.
            folder: copied to the cluster; the command works in the copy.
            env: variables of its environment and of everything that it starts on the cluster; no secrets, for
                the dashboard shows them.
            metadata: shown by the dashboard.
            place: where the command itself runs.

        Raises:
            InputError: another command has been submitted under this id, or a condition on labels is none.
            UnreachableError: the cluster does not answer or does not take it.
        """
        place = place or JobPlace()
        check_selector("label_selector", place.label_selector)
        entrypoint = shlex.join(argv)
        runtime_env = {"env_vars": dict(env or {})} | ({"working_dir": str(folder)} if folder else {})

        def send() -> str:
            return self._client.submit_job(
                entrypoint=entrypoint,
                submission_id=submission_id,
                runtime_env=runtime_env,
                metadata=dict(metadata or {}),
                entrypoint_num_cpus=place.num_cpus,
                entrypoint_resources=dict(place.resources) or None,
                entrypoint_label_selector=dict(place.label_selector) or None,
            )

        try:
            await self._once_an_agent_is_up(send)
        except UnreachableError:
            job = await self._existing(submission_id, entrypoint)
            if job is None:
                raise
            return job
        return await self.look(submission_id)

    async def look(self, submission_id: str) -> RayJob:
        """How the run stands.

        Raises:
            UnreachableError: the cluster does not answer, or knows no such run.
        """
        return _job(await self._call(lambda: self._client.get_job_info(submission_id)))

    async def submitted(self) -> list[RayJob]:
        """All runs that the fleet has submitted and the cluster still knows, the latest first.

        Raises:
            UnreachableError: the cluster does not answer.
        """
        known = await self._call(self._client.list_jobs)
        ours = [job for job in known if (job.submission_id or "").startswith(PREFIX)]
        return [_job(job) for job in sorted(ours, key=lambda job: -(job.start_time or 0))]

    async def wait(self, submission_id: str, *, poll_s: float = 1.0) -> RayJob:
        """The run once it has ended; Ray is asked every ``poll_s``, and may be away in between.

        Raises:
            UnreachableError: the cluster has not answered ten times in a row.
        """
        while True:
            job = await self._patiently(lambda: self.look(submission_id), poll_s)
            if job.state.is_final:
                return job
            await asyncio.sleep(poll_s)

    async def logs(self, submission_id: str) -> str:
        """All that the entrypoint has printed so far, stdout and stderr together.

        Raises:
            UnreachableError: the cluster does not answer, or knows no such run.
        """
        return await self._call(lambda: self._client.get_job_logs(submission_id))

    async def follow_logs(self, submission_id: str, *, poll_s: float = 1.0) -> AsyncIterator[str]:
        """What it prints, piece by piece, until it ends; by polling, for streams of Ray are known to hang.

        Raises:
            UnreachableError: the cluster has not answered ten times in a row.
        """
        clock = asyncio.get_running_loop().time
        shown, is_over = 0, False
        while not is_over:
            began = clock()
            is_over = (await self._patiently(lambda: self.look(submission_id), poll_s)).state.is_final
            text = await self._patiently(lambda: self.logs(submission_id), poll_s)
            if len(text) > shown:
                yield text[shown:]
                shown = len(text)
            await asyncio.sleep(0 if is_over else max(poll_s, _SHARE * (clock() - began)))

    async def stop(self, submission_id: str) -> bool:
        """Ask it to end: SIGTERM, then SIGKILL; False where it had ended already.

        Raises:
            UnreachableError: the cluster does not answer, or knows no such run.
        """
        return await self._call(lambda: self._client.stop_job(submission_id))

    async def _patiently(self, ask: Callable[[], Awaitable[_Answer]], poll_s: float) -> _Answer:
        """What is asked for, also where the cluster is away for a moment."""
        for _ in range(_MISSES - 1):
            with suppress(UnreachableError):
                return await ask()
            await asyncio.sleep(poll_s)
        return await ask()

    async def _once_an_agent_is_up(self, send: Callable[[], str]) -> None:
        """A cluster that has just started takes no jobs yet, and says so."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._start_timeout_s
        while True:
            try:
                await self._call(send)
            except UnreachableError as error:
                if _NOT_YET not in str(error) or clock() >= until:
                    raise
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    async def _existing(self, submission_id: str, entrypoint: str) -> RayJob | None:
        """Ray answers a duplicate with 500, like any trouble; whether it is one, only a look can tell."""
        try:
            job = await self.look(submission_id)
        except UnreachableError:
            return None
        if job.entrypoint != entrypoint:
            problem = "another command was submitted under it"
            raise InputError("id", submission_id, problem, "Give the run another id.")
        return job

    async def _call(self, request: Callable[[], _Answer]) -> _Answer:
        try:
            async with asyncio.timeout(_REQUEST_S):
                return await asyncio.to_thread(request)
        except (OSError, RuntimeError, TimeoutError, ValueError, RayError) as error:
            raise _unreachable(self._address, error) from error


def _unreachable(address: str, error: Exception) -> UnreachableError:
    shown = shown_address(address)
    return UnreachableError("Ray", shown, f"{_WAY_OUT} Ray says: {str(error).replace(address, shown)}")


def _job(details: JobDetails) -> RayJob:
    return RayJob(
        submission_id=details.submission_id or "",
        state=JobState(str(details.status)),
        entrypoint=details.entrypoint,
        exit_code=details.driver_exit_code,
        message=details.message or "",
    )
