"""Messages as they come from the socket: headers are found where they are asked for."""

import inspect

import pytest
from nats.aio.client import Client

from swe_ai_fleet.messaging.nats_client import FleetClient, Incoming
from swe_ai_fleet.messaging.nats_commands import delivery_place

HEAD = b"NATS/1.0\r\nNats-Msg-Id: d1:proposed:0:dev-1\r\nNats-Sequence: 12\r\nEmpty:\r\n\r\n"


def incoming(head: bytes | None) -> Incoming:
    return Incoming("fleet.v1.event.d1.closed", "", b"{}", head)


def test_a_header_is_found_by_its_whole_name() -> None:
    message = incoming(HEAD)
    assert message.header("Nats-Sequence") == "12"
    assert message.header("Nats-Msg-Id") == "d1:proposed:0:dev-1"
    assert message.header("Empty") == ""
    assert message.header("Sequence") is None
    assert message.header("Nats") is None


def test_of_several_headers_of_one_name_the_servers_own_counts() -> None:
    """A publisher may have put one there; the server adds its own at the end."""
    forged = b"NATS/1.0\r\nNats-Sequence: 99\r\nNats-Sequence: 12\r\n\r\n"
    assert incoming(forged).header("Nats-Sequence") == "12"


def test_a_message_without_headers_has_none() -> None:
    assert incoming(None).header("Nats-Sequence") is None
    assert incoming(None).status is None


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"NATS/1.0 404 Message Not Found\r\n\r\n", "404 Message Not Found"),
        (b"NATS/1.0 503\r\n\r\n", "503"),
        (b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 7\r\n\r\n", "204 EOB"),
        (HEAD, None),
    ],
)
def test_what_the_server_says_of_its_own_has_a_status(head: bytes, status: str | None) -> None:
    assert incoming(head).status == status


def test_a_status_may_come_with_headers() -> None:
    message = incoming(b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 7\r\n\r\n")
    assert message.header("Nats-Num-Pending") == "7"


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.FLEET_COMMANDS.workers.3.41.7.1700000000000000000.0",
        "$JS.ACK.hub.Ab3xYz.FLEET_COMMANDS.workers.3.41.7.1700000000000000000.0",
        "$JS.ACK.hub.Ab3xYz.FLEET_COMMANDS.workers.3.41.7.1700000000000000000.0.token",
    ],
)
def test_a_delivery_says_how_often_and_where_with_a_domain_and_without(reply: str) -> None:
    assert delivery_place(reply) == (3, 41)


def test_the_library_still_has_the_place_that_the_short_way_begins_at() -> None:
    theirs, ours = (inspect.signature(kind._process_msg).parameters for kind in (Client, FleetClient))
    assert list(theirs) == list(ours)
