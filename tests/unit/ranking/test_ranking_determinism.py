from typing import Any

from council_evidence import BASE, CODE_TASK, TEXT_TASK, council, critique, proposal, report
from hypothesis import given, settings
from hypothesis import strategies as st

from swe_ai_fleet.domain.ranking import Ranking
from swe_ai_fleet.ranking.decide import decide, safe_to_stop
from swe_ai_fleet.ranking.evidence import Evidence

NAMES = ("ada", "bob", "cyd", "dan", "eve")
verdict = st.sampled_from(["passed", "failed", "skipped"])
proposals = st.builds(
    proposal,
    st.sampled_from(NAMES),
    st.sampled_from(["", "fix", "x = 1", "x  =  1  # one", "```python\nx = 1\n```", "Use a queue."]),
    round_=st.integers(0, 2),
    confidence=st.none() | st.floats(allow_nan=True),
    evidence=st.fixed_dictionaries({}, optional={"prior": st.floats(allow_nan=False, allow_infinity=False)}),
)
reports = st.builds(
    report,
    st.sampled_from([f"{name}.{round_}" for name in (*NAMES, "zoe") for round_ in (0, 1)]),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), verdict),
    patch=st.sampled_from([None, "x", "y"]),
)
critiques = st.builds(
    critique,
    st.sampled_from([*NAMES, "zoe"]),
    st.sampled_from([f"{name}.0" for name in (*NAMES, "zoe")]),
    st.floats(0, 1),
    st.sampled_from(["accept", "revise", "reject"]),
)


def evidence(*, answers: Any, seen: Any, remarks: Any, has_repo: bool, weights: Any) -> Evidence:
    return Evidence(
        task=CODE_TASK if has_repo else TEXT_TASK,
        council=council(*NAMES),
        proposals=tuple(answers),
        base=BASE if has_repo else None,
        reports={r.proposal_id: r for r in seen},
        critiques=tuple(remarks),
        seed=7,
        reliability=weights,
    )


@settings(max_examples=50)
@given(
    answers=st.lists(proposals, max_size=8, unique_by=lambda p: p.proposal_id),
    seen=st.lists(reports, max_size=8, unique_by=lambda r: r.proposal_id),
    remarks=st.lists(critiques, max_size=8),
    has_repo=st.booleans(),
    weights=st.dictionaries(st.sampled_from(NAMES), st.floats()),
    data=st.data(),
)
def test_the_same_evidence_in_any_order_and_doubled_gives_the_same_bytes(
    answers: Any, seen: Any, remarks: Any, has_repo: bool, weights: Any, data: st.DataObject
) -> None:
    straight = evidence(answers=answers, seen=seen, remarks=remarks, has_repo=has_repo, weights=weights)
    shuffled = evidence(
        answers=data.draw(st.permutations(answers + answers)),
        seen=data.draw(st.permutations(seen)),
        remarks=data.draw(st.permutations(remarks + remarks)),
        has_repo=has_repo,
        weights=dict(reversed(weights.items())),
    )
    ranking = decide(straight)
    assert decide(shuffled).model_dump_json() == ranking.model_dump_json()
    assert safe_to_stop(shuffled, expected=5) == safe_to_stop(straight, expected=5)
    assert [ranked.place for ranked in ranking.ranking] == list(range(1, len(answers) + 1))
    assert Ranking.model_validate_json(ranking.model_dump_json()) == ranking
    assert all(0 <= r.p_correct <= 1 and 0 <= r.support <= 1 for r in ranking.ranking)
