from datetime import UTC, datetime, timedelta

import pytest

from swe_ai_fleet.ranking.calibration import p_function_correct, p_patch_correct
from swe_ai_fleet.ranking.reliability import TrackRecord, p_right, pooled, reliability_key, vote_weight
from swe_ai_fleet.ranking.stopping import cannot_change, p_leader_leads

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def record(right: int, wrong: int) -> TrackRecord:
    standing = TrackRecord()
    for index in range(right + wrong):
        standing = standing.after(was_right=index < right, at=NOW)
    return standing


def test_unknown_agents_have_one_vote() -> None:
    assert vote_weight(TrackRecord()) == 1.0
    assert p_right(TrackRecord()) == 0.5


def test_being_right_adds_weight_within_bounds() -> None:
    assert vote_weight(record(8, 0)) > vote_weight(record(1, 0)) > 1.0 > vote_weight(record(0, 1))
    assert vote_weight(record(500, 0)) <= 2.0
    assert vote_weight(record(0, 500)) == 0.2


def test_where_little_is_known_of_the_agent_its_model_speaks_for_it() -> None:
    assert p_right(TrackRecord(), model=record(30, 0)) > 0.8
    assert p_right(record(0, 20), model=record(30, 0)) < 0.3


def test_outcomes_count_half_after_ninety_days_whatever_their_order() -> None:
    later = NOW + timedelta(days=90)
    assert record(4, 0).at(later).right == pytest.approx(2.0)
    forth = TrackRecord().after(was_right=True, at=NOW).after(was_right=False, at=later)
    back = TrackRecord().after(was_right=False, at=later).after(was_right=True, at=NOW)
    assert (forth.right, forth.wrong) == pytest.approx((back.right, back.wrong))
    assert pooled([record(1, 0), record(0, 1)], at=NOW).outcomes == 2


def test_a_key_has_four_parts_whatever_the_names() -> None:
    key = reliability_key(agent_id="dev-1", role="DEV", model="vllm:Qwen/Qwen3", task_class="bugfix")
    assert key == "vllm:Qwen_Qwen3/DEV/dev-1/bugfix"


def test_the_posterior_rises_with_the_lead() -> None:
    assert p_leader_leads(lead=0, second=0) == 0.5
    assert p_leader_leads(lead=4, second=0) == pytest.approx(31 / 32)
    assert p_leader_leads(lead=4, second=3.5) == p_leader_leads(lead=4, second=4)
    assert cannot_change(lead=3, second=0, remaining=2)
    assert not cannot_change(lead=3, second=1, remaining=2)


def test_p_correct_rises_with_support_and_falls_for_what_is_broken() -> None:
    def patch(votes: float, *, verified: bool = False, broken: bool = False) -> float:
        return p_patch_correct(copies=votes, cluster=votes, voters=8, is_verified=verified, is_broken=broken)

    assert 0.05 < patch(1) < 0.15 < patch(2) < 0.45 < patch(4) < 0.97 < patch(8) < 1
    assert patch(2, verified=True) > patch(2)
    assert patch(8, broken=True) <= 0.05
    assert p_function_correct(agreement=0.9, margin=0.5, voters=50) > 0.8
    assert p_function_correct(agreement=0.1, margin=0.0, voters=4) < 0.2
