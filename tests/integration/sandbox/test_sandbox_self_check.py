"""The self-check says what holds, and what does not."""

import pytest
from sandboxes import STRONG, sandbox_of

from swe_ai_fleet.errors import SandboxUnavailableError
from swe_ai_fleet.sandbox.options import Kind, SandboxOptions
from swe_ai_fleet.sandbox.selection import choose_sandbox
from swe_ai_fleet.sandbox.self_check import self_check

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("kind", STRONG)
async def test_everything_holds_where_containment_is_strong(kind: Kind) -> None:
    attempts = await self_check(sandbox_of(kind))

    assert [attempt.name for attempt in attempts if not attempt.held] == []
    assert len(attempts) == 8


async def test_it_says_what_does_not_hold() -> None:
    attempts = await self_check(choose_sandbox(SandboxOptions(kind="none", allow_weak=True)))

    assert "reach the network" in [attempt.name for attempt in attempts if not attempt.held]


def test_weak_containment_must_be_allowed() -> None:
    with pytest.raises(SandboxUnavailableError, match="FLEET_SANDBOX__ALLOW_WEAK=true"):
        choose_sandbox(SandboxOptions(kind="none"))


def test_what_is_chosen_says_what_holds() -> None:
    assert choose_sandbox(SandboxOptions(kind="none", allow_weak=True)).containment.startswith("none+")
