"""How long the fleet took to recover, and what the faults cost, from the same evidence as the verdict."""

from bisect import bisect_right
from collections import Counter, defaultdict
from math import inf
from statistics import median
from typing import Any

from chaos.checker import Call, Evidence, Key, Stored, answers

_PROCESS_KINDS = {"worker killed", "worker told to stop", "worker paused"}
_DEADLY = {"worker killed", "worker paused", "ray actor killed", "raylet killed"}
"""What takes an answer with it that is not on the record yet; a pause lets its call time out, unread."""
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
        "outages": _outages(evidence),
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


def _answers_lost(evidence: Evidence, since: float = 0.0, until: float = inf) -> int:
    """Questions answered well before the end, without an answer on the record, though nothing was killed or paused."""
    stored, ends = answers(evidence), _ends(evidence)
    blows = [_span(fault) for fault in evidence.faults if fault["kind"] in _DEADLY]
    lost = set()
    for call in _good_calls(evidence):
        answered, end = call.ended or 0.0, ends.get(call.key[0], 0.0) if call.key else 0.0
        is_hit = any(answered - 1 < over and at < end for at, over in blows)
        if since <= answered < min(end, until) and call.key not in stored and not is_hit:
            lost.add(call.key)
    return len(lost)


def _outages(evidence: Evidence) -> list[dict[str, Any]]:
    """What became of the answers that came while the record was away for long, and of the workers' memory."""
    found = []
    for fault in evidence.faults:
        if fault["kind"] != "nats away for a minute":
            continue
        at, back = fault["at"], fault["at"] + fault["hold_s"]
        came = {call.key for call in _good_calls(evidence) if at <= (call.ended or 0.0) < back}
        found.append(
            {
                "answers": len(came),
                "lost": _answers_lost(evidence, at, back),
                "rss_mib_before": _worst_rss_mib(evidence, at - 10, at),
                "rss_mib_worst": _worst_rss_mib(evidence, at, back + 10),
            }
        )
    return found


def _worst_rss_mib(evidence: Evidence, since: float, until: float) -> float:
    seen = [size["rss"] for size in evidence.sizes if since <= size["at"] < until]
    return round(max(seen, default=0) / 1024**2, 1)


def _span(fault: dict[str, Any]) -> tuple[float, float]:
    """From when to when it was broken."""
    return fault["at"], fault["at"] + (fault["hold_s"] if fault["kind"] == "worker paused" else 0.0)


def _ends(evidence: Evidence) -> dict[str, float]:
    return {e.deliberation: e.at for e in evidence.events if e.type == "closed"}


def _strike_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Of processes, servers and clocks."""
    times = sorted(e.at for e in evidence.events)
    by_deliberation: defaultdict[str, list[Stored]] = defaultdict(list)
    for event in evidence.events:
        by_deliberation[event.deliberation].append(event)
    found: defaultdict[str, list[float | None]] = defaultdict(list)
    counts = Counter(fault["kind"] for fault in evidence.faults)
    for fault in evidence.faults:
        kind = fault["kind"]
        if kind in _NO_FAULTS or kind == "model server faulty":
            continue
        if kind in _PROCESS_KINDS:
            found[kind] += _resumed_s(fault, evidence, by_deliberation)
        else:
            found[kind].append(_next_s(times, fault["at"]))
    return [_row(kind, counts[kind], recoveries) for kind, recoveries in found.items()]


def _next_s(times: list[float], at: float) -> float | None:
    """Seconds until the record held something new."""
    place = bisect_right(times, at)
    return times[place] - at if place < len(times) else None


def _resumed_s(
    fault: dict[str, Any], evidence: Evidence, by_deliberation: dict[str, list[Stored]]
) -> list[float | None]:
    """Seconds until the last deliberation that this process had in its hands went on; nothing where it had none."""
    at, ends = fault["at"], _ends(evidence)
    held: dict[str, int] = {}
    for ack in sorted((a for a in evidence.acks if a["at"] <= at), key=lambda a: a["at"]):
        held[ack["deliberation"]] = ack["pid"]
    mine = [d for d, pid in held.items() if pid == fault["pid"] and ends.get(d, at + 1) > at]
    waits = [next((e.at - at for e in by_deliberation[d] if e.at > at), None) for d in mine]
    known = [wait for wait in waits if wait is not None]
    if not mine:
        return []
    return [max(known) if len(known) == len(waits) else None]


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
    return [_row(kind, len(recoveries), recoveries) for kind, recoveries in sorted(found.items())]


def _row(kind: str, count: int, recoveries: list[float | None]) -> dict[str, Any]:
    known = [seconds for seconds in recoveries if seconds is not None]
    return {
        "kind": kind,
        "count": count,
        "median_s": round(median(known), 2) if known else None,
        "worst_s": round(max(known), 2) if known else None,
        "not_recovered": len(recoveries) - len(known),
        "seconds": [None if s is None else round(s, 3) for s in recoveries],
    }
