"""The independent judge: reads the streams with NATS' own client, knows nothing of the fleet, says what holds.

No code of the fleet is imported; what is known of its events is what docs/consumers.md tells every consumer.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats
import nats.errors

NOTICE_S = 1.0
"""So long an answer may be on the record before everybody who asks for it has noticed."""
_ANSWERS = {"proposed": "propose", "critiqued": "critique", "revised": "revise"}
_STEPS = {"proposed": ("propose",), "critiqued": ("critique", "judge"), "revised": ("revise",)}

Key = tuple[str, int, str, str]
"""Deliberation, round, agent and step (propose, critique, revise or judge) of one answer."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One event as the stream holds it."""

    sequence: int
    at: float
    """When the server stored it, in seconds."""
    deliberation: str
    type: str
    round: int
    agent: str
    data: dict[str, Any]


@dataclass(slots=True)
class Call:
    """One request as a model server saw it."""

    at: float
    key: Key | None
    """None for a seed that no agent of the record has."""
    fault: str | None
    ended: float | None = None
    whole: bool = False
    """A whole answer was sent."""
    place: tuple[Any, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of a stage."""

    accepted: list[str]
    events: list[Stored]
    commands_left: int
    dead_letters: int
    acks: list[dict[str, Any]]
    calls: list[Call]
    faults: list[dict[str, Any]]
    sizes: list[dict[str, Any]]
    """Memory, files and tasks of the workers, every second."""


async def gather_evidence(folder: Path, urls: list[str]) -> Evidence:
    """Read the streams, and the folder in which the stage, its probes and its model servers wrote things down."""
    client = await nats.connect(urls)
    try:
        js = client.jetstream(timeout=10)
        events = [event async for event in _events(client)]
        commands = await js.stream_info("FLEET_COMMANDS")
        letters = await js.stream_info("FLEET_DEAD_LETTERS")
    finally:
        await client.close()
    return Evidence(
        accepted=[line["deliberation"] for line in _lines(folder, "accepted.jsonl")],
        events=events,
        commands_left=commands.state.messages,
        dead_letters=letters.state.messages,
        acks=list(_lines(folder, "notes/acks-*.jsonl")),
        calls=_calls(folder, _agents_by_seed(events)),
        faults=list(_lines(folder, "faults.jsonl")),
        sizes=list(_lines(folder, "notes/sizes-*.jsonl")),
    )


async def _events(client: Any) -> Any:
    """Every message of the stream, by an ordered consumer of the library's own."""
    js = client.jetstream(timeout=10)
    left = (await js.stream_info("FLEET_EVENTS")).state.messages
    if not left:
        return
    subscription = await js.subscribe("fleet.v1.event.>", stream="FLEET_EVENTS", ordered_consumer=True)
    while left:
        message = await subscription.next_msg(timeout=10)
        left = message.metadata.num_pending
        document = json.loads(message.data)
        data = document["data"]
        yield Stored(
            sequence=message.metadata.sequence.stream,
            at=message.metadata.timestamp.timestamp(),
            deliberation=data["deliberation_id"],
            type=document["type"].rpartition(".")[2],
            round=data.get("round", 0),
            agent=data.get("agent_id", ""),
            data=data,
        )


def _lines(folder: Path, pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(pattern)):
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # the last line of a process that was killed while it wrote


def _seed(base: int, *parts: object) -> int:
    """As the fleet derives the seed of a request: documented with the field ``seed`` of an agent."""
    text = "\x1f".join(str(part) for part in (base, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def _agents_by_seed(events: list[Stored]) -> dict[tuple[str, int], Key]:
    """Which answer a request is for, by its deliberation and its seed."""
    found: dict[tuple[str, int], Key] = {}
    for event in events:
        if event.type != "requested":
            continue
        for agent in event.data["council"]["agents"]:
            last = event.data["task"]["council"]["rounds"] + 1
            for round_ in range(last + 1):
                for parts in _questions(round_, last):
                    seed = _seed(agent["seed"], round_, *parts)
                    for again in range(12):  # a malformed answer is asked for again with the next seed
                        key = (event.deliberation, round_, agent["agent_id"], str(parts[0]))
                        found[event.deliberation, seed + again] = key
    return found


def _questions(round_: int, last: int) -> list[tuple[object, ...]]:
    """What an agent may be asked in a round; in the one after the last it judges, in several turns."""
    if round_ == last:
        return [("judge",), *(("judge", turn) for turn in range(1, 33))]
    return [("propose",)] if round_ == 0 else [("critique",), ("revise",)]


def _calls(folder: Path, keys: dict[tuple[str, int], Key]) -> list[Call]:
    calls: dict[tuple[Any, ...], Call] = {}
    for line in _lines(folder, "model-*.jsonl"):
        place = (line["server"], line["born"], line["number"])
        if "ended" in line:
            calls[place].ended, calls[place].whole = line["ended"], line["whole"]
        else:
            key = keys.get((line["deliberation"], line["seed"] or 0))
            calls[place] = Call(line["at"], key, line["fault"], place=place)
    return sorted(calls.values(), key=lambda call: call.at)


def violations(evidence: Evidence) -> dict[str, list[str]]:
    """What must hold, each with every case in which it does not."""
    events = Counter((e.deliberation, e.type, e.round, e.agent) for e in evidence.events)
    closed = Counter(e.deliberation for e in evidence.events if e.type == "closed")
    return {
        "every accepted deliberation is closed exactly once": [
            f"{d}: {closed[d]} times" for d in evidence.accepted if closed[d] != 1
        ],
        "no event is stored twice": [f"{'/'.join(map(str, key))}: {n}" for key, n in events.items() if n > 1],
        "every acknowledged event is stored": _lost(evidence, events),
        "acknowledged proposals are the stored ones": _changed(evidence),
        "one vote an agent and round": _double_votes(evidence),
        "nothing but late answers follows the end": _after_the_end(evidence),
        "the winner is on the record and in the cut": _foreign_winners(evidence),
        "no answer is asked for again that is on the record": _asked_again(evidence),
        "the queue is empty": [f"{evidence.commands_left} commands"] if evidence.commands_left else [],
        "no dead letters": [f"{evidence.dead_letters}"] if evidence.dead_letters else [],
    }


def _lost(evidence: Evidence, events: Counter[tuple[str, str, int, str]]) -> list[str]:
    acked = {(a["deliberation"], a["type"], a["round"], a["agent"]) for a in evidence.acks}
    return ["/".join(map(str, key)) for key in sorted(acked) if not events[key]]


def _changed(evidence: Evidence) -> list[str]:
    """A proposal that was acknowledged as new must be the one that is there."""
    stored = {
        (e.deliberation, e.type, e.round, e.agent): hashlib.sha256(
            e.data["proposal"]["content"].encode()
        ).hexdigest()[:16]
        for e in evidence.events
        if e.type in {"proposed", "revised"} and "proposal" in e.data
    }
    wrong = []
    for ack in evidence.acks:
        key = (ack["deliberation"], ack["type"], ack["round"], ack["agent"])
        if ack["digest"] and not ack["duplicate"] and stored.get(key, ack["digest"]) != ack["digest"]:
            wrong.append("/".join(map(str, key)))
    return wrong


def _double_votes(evidence: Evidence) -> list[str]:
    """Reviews by deliberation, round, reviewer and what is reviewed; answers by deliberation, round and agent."""
    votes: Counter[tuple[Any, ...]] = Counter()
    for event in evidence.events:
        if event.type in {"proposed", "revised"}:
            votes[event.deliberation, event.round, event.agent, event.data["proposal"]["kind"]] += 1
        for critique in event.data.get("critiques", ()) if event.type == "critiqued" else ():
            votes[event.deliberation, event.round, critique["reviewer_id"], critique["proposal_id"]] += 1
    return ["/".join(map(str, key)) for key, count in votes.items() if count > 1]


def _after_the_end(evidence: Evidence) -> list[str]:
    ends = {e.deliberation: e.sequence for e in evidence.events if e.type == "closed"}
    decisive = {"requested", "started", "round_closed", "ranked"}
    return [
        f"{e.deliberation}: {e.type}"
        for e in evidence.events
        if e.type in decisive and e.sequence > ends.get(e.deliberation, e.sequence)
    ]


def _foreign_winners(evidence: Evidence) -> list[str]:
    cut: defaultdict[str, set[str]] = defaultdict(set)
    there: defaultdict[str, set[str]] = defaultdict(set)
    wrong = []
    for event in evidence.events:
        if event.type == "round_closed":
            cut[event.deliberation].update(event.data["included"])
        elif event.type in {"proposed", "revised"}:
            there[event.deliberation].add(event.data["proposal"]["proposal_id"])
        elif event.type == "closed":
            ranked = {place["proposal_id"] for place in event.data["result"]["ranking"]}
            foreign = ranked - (cut[event.deliberation] & there[event.deliberation])
            wrong += [f"{event.deliberation}: {proposal_id}" for proposal_id in sorted(foreign)]
    return wrong


def answers(evidence: Evidence) -> dict[Key, float]:
    """When each answer was stored."""
    return {
        (e.deliberation, e.round, e.agent, "judge" if e.data.get("ballots") else _ANSWERS[e.type]): e.at
        for e in evidence.events
        if e.type in _ANSWERS
    }


def _asked_again(evidence: Evidence) -> list[str]:
    """Counted from when everybody who asks for it could know that the answer is stored."""
    known = _known(evidence)
    return [
        f"{'/'.join(map(str, call.key))}: {call.at - known[call.key]:.2f} s later"
        for call in evidence.calls
        if call.key in known and call.at > known[call.key] + NOTICE_S
    ]


def _known(evidence: Evidence) -> dict[Key, float]:
    """When its publisher had the acknowledgement; later where a worker that had asked was stopped and went on."""
    known = answers(evidence)
    for ack in evidence.acks:
        for step in _STEPS.get(ack["type"], ()):
            key = (ack["deliberation"], ack["round"], ack["agent"], step)
            if key in known and not ack["duplicate"]:
                known[key] = max(known[key], ack["at"])
    for fault in evidence.faults:
        if fault["kind"] != "worker paused":
            continue
        at, over = fault["at"], fault["at"] + fault["hold_s"]
        held = {a["deliberation"] for a in evidence.acks if a["pid"] == fault["pid"] and a["at"] <= at}
        known |= {key: over for key, since in known.items() if key[0] in held and at <= since < over}
    return known
