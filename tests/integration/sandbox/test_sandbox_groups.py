"""Control groups as this machine has them."""

import secrets

import pytest

from swe_ai_fleet.sandbox.launcher.cgroups import Groups

pytestmark = pytest.mark.sandbox


@pytest.fixture
def groups() -> Groups:
    found = Groups.find()
    if found is None:
        pytest.skip("this user may not make control groups: run as root, or with a delegated cgroup")
    return found


def test_a_group_that_a_killed_process_left_is_in_nobodys_way(groups: Groups) -> None:
    name = f"fleet-test-{secrets.token_hex(4)}"
    groups.make(name, memory_bytes=1 << 26, processes=2)  # its maker is killed before it removes it
    again = groups.make(name, memory_bytes=1 << 26, processes=8)
    try:
        assert again.members() == []
    finally:
        again.remove()
