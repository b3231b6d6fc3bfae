"""Addresses are shown without what opens them."""

import pytest

from swe_ai_fleet.domain.address import shown_address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("nats://a:4222,tls://b:4222", "nats://a:4222,tls://b:4222"),
        ("nats://a:4222, nats://me:pw@b:4222", "nats://a:4222, nats://b:4222"),
        ("nats://pw@a,nats://me:pw@b", "nats://a,nats://b"),
        ("nats://me:p/w@a", "nats://a"),
        ("nats://me:p,w@a", "nats://a"),
        ("me:pw@a:4222", "a:4222"),
        ("http://a/v1?key=pw,http://b#pw", "http://a/v1,http://b"),
        ("foo", "foo"),
    ],
)
def test_login_and_query_are_left_out(address: str, shown: str) -> None:
    assert shown_address(address) == shown
