"""Bringing a server's streams to the declaration, or saying what keeps them from it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from swe_ai_fleet.errors import RecordDeniedError, RecordError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_requests import JetStreamApi, JetStreamError
from swe_ai_fleet.messaging.streams import EVENTS, consumer_declarations, stream_declarations

_log = structlog.get_logger()
_NOT_FOUND = frozenset({10059, 10014})
_PAUSE_S = 0.2


async def ensure_streams_within(
    api: JetStreamApi, limit_s: float, *, replicas: int, retention_days: int, may_declare: bool
) -> bool:
    """:func:`ensure_streams`, again and again while a cluster is still choosing its leaders.

    Raises:
        RecordUnavailableError: JetStream does not answer within ``limit_s``.
        RecordError: as :func:`ensure_streams`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    while True:
        try:
            return await ensure_streams(
                api, replicas=replicas, retention_days=retention_days, may_declare=may_declare
            )
        except RecordUnavailableError:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(_PAUSE_S)


async def ensure_streams(api: JetStreamApi, *, replicas: int, retention_days: int, may_declare: bool) -> bool:
    """Create what is missing and update what differs; what these credentials may not see is left to those who may.

    Returns:
        Whether the events are kept by a cluster of servers.

    Raises:
        RecordError: something is not as declared, and ``may_declare`` is false or the server refuses to change it.
        RecordDeniedError: ... or these credentials may not.
    """
    is_clustered = False
    for wanted in stream_declarations(retention_days=retention_days):
        try:
            found = await _info(api, f"STREAM.INFO.{wanted['name']}")
        except RecordDeniedError as error:
            _log.debug("record.stream_not_shown", error=str(error))
            continue
        if wanted["name"] == EVENTS and found is not None:
            is_clustered = bool((found.get("cluster") or {}).get("replicas"))
        await _bring_in_line(api, wanted, found, replicas=replicas, may_declare=may_declare)
    for stream, wanted in consumer_declarations():
        await _ensure_consumer(api, stream, wanted, may_declare=may_declare)
    return is_clustered or replicas > 1


async def _info(api: JetStreamApi, verb: str) -> dict[str, Any] | None:
    try:
        return await api.ask(verb)
    except JetStreamError as error:
        if error.err_code in _NOT_FOUND:
            return None
        raise


async def _bring_in_line(
    api: JetStreamApi,
    wanted: Mapping[str, Any],
    found: Mapping[str, Any] | None,
    *,
    replicas: int,
    may_declare: bool,
) -> None:
    differing = _differences(wanted, None if found is None else found["config"])
    if not differing:
        return
    if not may_declare:
        raise RecordError(_complaint("stream", wanted["name"], differing))
    copies = replicas if found is None else found["config"]["num_replicas"]
    verb = "CREATE" if found is None else "UPDATE"
    await api.ask(f"STREAM.{verb}.{wanted['name']}", {**wanted, "num_replicas": copies})


async def _ensure_consumer(
    api: JetStreamApi, stream: str, wanted: Mapping[str, Any], *, may_declare: bool
) -> None:
    name = wanted["durable_name"]
    try:
        found = await _info(api, f"CONSUMER.INFO.{stream}.{name}")
    except RecordDeniedError:
        return
    differing = _differences(wanted, None if found is None else found["config"])
    if not differing:
        return
    if not may_declare:
        raise RecordError(_complaint("consumer", name, differing))
    await api.ask(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": dict(wanted)})


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["it is missing"]
    return [
        f"{key} is {found.get(key)}, declared is {value}"
        for key, value in wanted.items()
        if found.get(key) != value
    ]


def _complaint(kind: str, name: str, differing: list[str]) -> str:
    return f"{kind} {name} is not as this version declares it: {'; '.join(differing)}"
