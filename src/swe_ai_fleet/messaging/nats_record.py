"""The record on NATS, opened: one connection, the streams as declared, every port on top."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swe_ai_fleet.errors import RecordUnavailableError, UnreachableError
from swe_ai_fleet.messaging.nats_blobs import NatsBlobStore
from swe_ai_fleet.messaging.nats_commands import NatsCommandQueue
from swe_ai_fleet.messaging.nats_connecting import open_connection
from swe_ai_fleet.messaging.nats_dead_letters import NatsDeadLetters
from swe_ai_fleet.messaging.nats_event_log import NatsEventLog
from swe_ai_fleet.messaging.nats_publisher import NatsPublisher
from swe_ai_fleet.messaging.nats_reliability import NatsReliabilityBooks
from swe_ai_fleet.messaging.nats_requests import JetStreamApi
from swe_ai_fleet.messaging.nats_snapshots import NatsSnapshotStore
from swe_ai_fleet.messaging.nats_streams import ensure_streams_within
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import Record

_WAY_OUT = (
    "Its server answers; start it with JetStream on (nats-server -js), or wait until its cluster has leaders."
)


@asynccontextmanager
async def open_nats_record(options: NatsOptions) -> AsyncIterator[Record]:
    """Connect, see that the streams are as declared, and leave within two seconds whatever the server does.

    Raises:
        InputError: the options name no server, or a file that cannot be read.
        UnreachableError: no server, or no JetStream on it, answers within ``options.connect_s``.
        RecordDeniedError: the server does not know these credentials.
        RecordError: the streams are not as declared and cannot be made so.
    """
    async with open_connection(options) as connection:
        api = JetStreamApi(connection, timeout_s=options.request_s, prefix=options.api_prefix)
        try:
            is_clustered = await ensure_streams_within(
                api,
                options.connect_s,
                replicas=options.replicas,
                retention_days=options.retention_days,
                may_declare=options.declare_streams,
            )
        except RecordUnavailableError as error:
            raise UnreachableError("JetStream", options.shown_addresses, _WAY_OUT) from error
        publisher = NatsPublisher(
            connection,
            request_s=options.request_s,
            publish_s=options.publish_s,
            in_flight=options.in_flight,
            outbox_bytes=options.outbox_bytes,
        )
        blobs = NatsBlobStore(api, publisher, is_clustered=is_clustered)
        letters = NatsDeadLetters(api, publisher)
        commands = NatsCommandQueue(api, publisher, blobs, letters)
        async with publisher.opened(), commands.opened():
            yield Record(
                events=NatsEventLog(api, publisher, blobs, is_clustered=is_clustered),
                snapshots=NatsSnapshotStore(api, publisher),
                reliability=NatsReliabilityBooks(api, publisher),
                blobs=blobs,
                commands=commands,
                dead_letters=letters,
                publish_retries=lambda: publisher.retries,
                is_gone=lambda: connection.is_gone,
            )
