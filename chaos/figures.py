"""How long the fleet took to recover, and what the faults cost, from the same evidence as the verdict."""

from bisect import bisect_right
from collections import Counter, defaultdict
from statistics import median
from typing import Any

from chaos.checker import Call, Evidence, Key, Stored, answers

_PROCESS_KINDS = {"worker killed", "worker told to stop", "worker paused"}
_DEADLY = {"worker killed", "ray actor killed", "raylet killed"}
_NO_FAULTS = {"exit", "not carried out"}


def figures(evidence: Evidence) -> dict[str, Any]:
    """Counts, and a row for each kind of fault."""
    outcomes = Counter(e.data["outcome"] for e in evidence.events if e.type == "closed")
    stored = sum(e.type in {"proposed", "revised"} for e in evidence.events)
    new = {
        (a["deliberation"], a["type"], a["round"], a["agent"])
        for a in evidence.acks
        if a["type"] in {"proposed", "revised"}
    }
    rows = [*_strike_rows(evidence), *_call_rows(evidence)]
    return {
        "accepted": len(evidence.accepted),
        "closed": sum(outcomes.values()),
        "outcomes": dict(outcomes),
        "proposals_stored": stored,
        "proposals_acknowledged": len(new),
        "calls": len(evidence.calls),
        "calls_that_gave_an_answer": sum(call.whole for call in evidence.calls),
        "answers_stored": len(answers(evidence)),
        "answers_paid_twice": _paid_twice(evidence),
        "answers_lost": _answers_lost(evidence),
        "faults": rows,
        "not_carried_out": [f for f in evidence.faults if f["kind"] == "not carried out"],
        "exit_statuses": [f["status"] for f in evidence.faults if f["kind"] == "exit"],
    }


def _paid_twice(evidence: Evidence) -> int:
    """Whole answers to one question beyond the first: those under way when their worker died."""
    whole = Counter(call.key for call in _good_calls(evidence))
    return sum(count - 1 for count in whole.values())


def _good_calls(evidence: Evidence) -> list[Call]:
    """Calls that gave a whole answer to a question that is one call; a judge is asked many things under one name."""
    return [
        call
        for call in evidence.calls
        if call.key and call.key[3] != "judge" and call.whole and call.fault in {None, "slow"} and call.ended
    ]


def _answers_lost(evidence: Evidence) -> int:
    """Questions answered well before the end, without an answer on the record, though nothing was killed."""
    stored, ends = answers(evidence), _ends(evidence)
    kills = [fault["at"] for fault in evidence.faults if fault["kind"] in _DEADLY]
    lost = set()
    for call in _good_calls(evidence):
        answered, end = call.ended or 0.0, ends.get(call.key[0], 0.0) if call.key else 0.0
        if call.key not in stored and answered < end and not any(answered - 1 < at < end for at in kills):
            lost.add(call.key)
    return len(lost)


def _ends(evidence: Evidence) -> dict[str, float]:
    return {e.deliberation: e.at for e in evidence.events if e.type == "closed"}


def _strike_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Of processes, servers and clocks."""
    times = sorted(e.at for e in evidence.events)
    by_deliberation: defaultdict[str, list[Stored]] = defaultdict(list)
    for event in evidence.events:
        by_deliberation[event.deliberation].append(event)
    found: defaultdict[str, list[float | None]] = defaultdict(list)
    for fault in evidence.faults:
        kind = fault["kind"]
        if kind in _NO_FAULTS or kind == "model server faulty":
            continue
        if kind in _PROCESS_KINDS:
            found[kind].append(_resumed_s(fault, evidence, by_deliberation))
        else:
            found[kind].append(_next_s(times, fault["at"]))
    return [_row(kind, recoveries) for kind, recoveries in found.items()]


def _next_s(times: list[float], at: float) -> float | None:
    """Seconds until the record held something new."""
    place = bisect_right(times, at)
    return times[place] - at if place < len(times) else None


def _resumed_s(
    fault: dict[str, Any], evidence: Evidence, by_deliberation: dict[str, list[Stored]]
) -> float | None:
    """Seconds until the last deliberation that this process had in its hands went on."""
    at, ends = fault["at"], _ends(evidence)
    held: dict[str, int] = {}
    for ack in sorted((a for a in evidence.acks if a["at"] <= at), key=lambda a: a["at"]):
        held[ack["deliberation"]] = ack["pid"]
    mine = [d for d, pid in held.items() if pid == fault["pid"] and ends.get(d, at + 1) > at]
    waits = [next((e.at - at for e in by_deliberation[d] if e.at > at), None) for d in mine]
    known = [wait for wait in waits if wait is not None]
    if not mine:
        return 0.0
    return max(known) if len(known) == len(waits) else None


def _call_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Of single requests: seconds from a bad answer until the same question had a good one."""
    by_key: defaultdict[Key, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        if call.key is not None:
            by_key[call.key].append(call)
    found: defaultdict[str, list[float | None]] = defaultdict(list)
    for calls in by_key.values():
        for place, call in enumerate(calls):
            if call.fault is None:
                continue
            good = next(
                (c.ended for c in calls[place:] if c.whole and c.fault in {None, "slow"} and c.ended), None
            )
            found[f"model: {call.fault}"].append(None if good is None else max(0.0, good - call.at))
    return [_row(kind, recoveries) for kind, recoveries in sorted(found.items())]


def _row(kind: str, recoveries: list[float | None]) -> dict[str, Any]:
    known = [seconds for seconds in recoveries if seconds is not None]
    return {
        "kind": kind,
        "count": len(recoveries),
        "median_s": round(median(known), 2) if known else None,
        "worst_s": round(max(known), 2) if known else None,
        "not_recovered": len(recoveries) - len(known),
        "seconds": [None if s is None else round(s, 3) for s in recoveries],
    }
