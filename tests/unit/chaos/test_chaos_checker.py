"""The checker of chaos runs sees what it is there to see: a whole record passes, and each kind of damage is named."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from chaos.checker import Call, Evidence, Stored, violations
from chaos.figures import figures

ONCE = "every accepted deliberation is closed exactly once"
STORED = "every acknowledged event is stored"
SAME = "acknowledged proposals are the stored ones"
VOTES = "one vote an agent and round"
AGAIN = "no answer is asked for again that is on the record"
WINNER = "the winner is on the record and in the cut"
TWICE = "no event is stored twice"
END = "nothing but late answers follows the end"


def stored(sequence: int, kind: str, *, agent: str = "", **data: Any) -> Stored:
    return Stored(
        sequence=sequence,
        at=float(sequence),
        deliberation="d1",
        type=kind,
        round=0,
        agent=agent,
        data=data,
    )


def proposal(sequence: int, agent: str, content: str = "fix") -> Stored:
    said = {"proposal_id": f"{agent}.0", "kind": "answer", "content": content}
    return stored(sequence, "proposed", agent=agent, proposal=said)


def ack(agent: str, content: str = "fix") -> dict[str, Any]:
    digest = sha256(content.encode()).hexdigest()[:16]
    line = {"deliberation": "d1", "type": "proposed", "round": 0, "agent": agent}
    return {**line, "at": 2.1, "pid": 7, "duplicate": False, "digest": digest}


def call(at: float, fault: str | None = None) -> Call:
    return Call(at=at, key=("d1", 0, "dev-1", "propose"), fault=fault, ended=at + 1, whole=fault is None)


CLOSED = stored(4, "closed", outcome="decided", result={"ranking": [{"proposal_id": "dev-1.0"}]})
WHOLE = Evidence(
    accepted=["d1"],
    events=[
        stored(1, "requested"),
        proposal(2, "dev-1"),
        stored(3, "round_closed", included=["dev-1.0"]),
        CLOSED,
    ],
    commands_left=0,
    dead_letters=0,
    acks=[ack("dev-1")],
    calls=[call(1.0)],
    faults=[],
    sizes=[],
)


def broken(evidence: Evidence) -> set[str]:
    return {name for name, cases in violations(evidence).items() if cases}


def test_a_whole_record_breaks_nothing() -> None:
    assert broken(WHOLE) == set()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"events": WHOLE.events[:3]}, {ONCE}),
        ({"events": [*WHOLE.events, replace(CLOSED, sequence=5)]}, {ONCE, TWICE}),
        ({"acks": [ack("dev-1"), ack("dev-2")]}, {STORED}),
        ({"acks": [ack("dev-1", "another answer")]}, {SAME}),
        ({"events": [*WHOLE.events, proposal(5, "dev-1")]}, {VOTES, TWICE}),
        ({"events": [*WHOLE.events, stored(5, "ranked")]}, {END}),
        ({"events": [WHOLE.events[0], WHOLE.events[1], CLOSED]}, {WINNER}),
        ({"calls": [call(1.0), call(3.5)]}, {AGAIN}),
        ({"commands_left": 1}, {"the queue is empty"}),
        ({"dead_letters": 1}, {"no dead letters"}),
    ],
)
def test_each_kind_of_damage_is_named(change: dict[str, Any], what: set[str]) -> None:
    assert broken(replace(WHOLE, **change)) == what


def test_a_question_may_be_asked_again_until_somebody_knows_that_its_answer_is_stored() -> None:
    late = {**ack("dev-1"), "at": 9.0}
    assert broken(replace(WHOLE, acks=[late], calls=[call(1.0), call(9.5)])) == set()


def test_a_worker_that_was_stopped_meanwhile_knows_only_when_it_goes_on() -> None:
    started = {**ack("dev-1"), "type": "started", "agent": "", "at": 1.0, "digest": ""}
    events = [*WHOLE.events, replace(WHOLE.events[0], sequence=5, type="started")]
    paused = {"kind": "worker paused", "at": 1.5, "hold_s": 8.0, "pid": 7}
    whole = replace(WHOLE, events=events[:1] + events[-1:] + events[1:4], acks=[started, ack("dev-1")])
    asked = [call(1.2), call(9.9)]
    assert broken(replace(whole, calls=asked)) >= {AGAIN}
    assert AGAIN not in broken(replace(whole, calls=asked, faults=[paused]))
    assert AGAIN in broken(replace(whole, calls=asked, faults=[{**paused, "pid": 8}]))


def test_recovery_of_a_request_counts_until_the_same_question_has_a_good_answer() -> None:
    [row] = figures(replace(WHOLE, calls=[call(1.0, "hang"), call(8.0)]))["faults"]
    assert (row["kind"], row["count"], row["worst_s"], row["not_recovered"]) == ("model: hang", 1, 8.0, 0)


def test_recovery_of_a_worker_counts_until_its_last_deliberation_goes_on() -> None:
    killed = {"kind": "worker killed", "at": 2.5, "pid": 7}
    [row] = figures(replace(WHOLE, faults=[killed]))["faults"]
    assert (row["kind"], row["worst_s"]) == ("worker killed", 0.5)


def test_whole_answers_to_one_question_beyond_the_first_are_paid_twice() -> None:
    assert figures(replace(WHOLE, calls=[call(1.0), call(1.5)]))["answers_paid_twice"] == 1
