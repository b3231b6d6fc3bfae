"""The order of the search, its division among agents, and pairs."""

from swe_ai_fleet.repair.candidates import Candidate, pairs, single_edits
from swe_ai_fleet.repair.localise import Suspect
from swe_ai_fleet.repair.source import Source, apply_edits

TEXT = "def f(a, b):\n    if a < b:\n        return a - 1\n    return b + 2\n"
SOURCE = Source("m.py", TEXT)


def _suspects(*scores: float) -> list[Suspect]:
    body = sorted((s for s in SOURCE.statements() if s.lineno > 1), key=lambda s: s.lineno)
    found = [Suspect(source=SOURCE, statement=s, score=v, why=()) for s, v in zip(body, scores, strict=True)]
    return sorted(found, key=lambda suspect: -suspect.score)


def _texts(candidate: Candidate) -> str:
    return apply_edits(TEXT, list(candidate.edits))


def test_cheap_candidates_come_first_and_none_twice() -> None:
    found = list(single_edits(_suspects(1.0, 0.5, 0.1), {}))
    costs = [candidate.cost for candidate in found]
    assert costs == sorted(costs)
    assert len({candidate.edits for candidate in found}) == len(found)


def test_the_most_suspected_statement_is_tried_first() -> None:
    first = next(iter(single_edits(_suspects(0.2, 0.2, 1.0), {})))
    assert first.suspects[0].statement.lineno == 4
    assert not list(single_edits([], {}))


def test_every_candidate_belongs_to_exactly_one_agent_and_all_get_good_ones() -> None:
    found = list(single_edits(_suspects(1.0, 1.0, 1.0), {}))
    owners = [[shard for shard in range(4) if c.belongs_to(shard, 4)] for c in found]
    assert all(len(owner) == 1 for owner in owners)
    assert {owner[0] for owner in owners[:40]} == {0, 1, 2, 3}


def test_pairs_join_separate_edits_of_one_function_the_likeliest_first() -> None:
    singles = list(single_edits(_suspects(1.0, 1.0, 1.0), {}))[:60]
    found = list(pairs(singles))
    assert [pair.cost for pair in found] == sorted(pair.cost for pair in found)
    assert len({pair.edits for pair in found}) == len(found)
    for pair in found:
        one, other = pair.edits
        assert one.end < other.start
    assert "def f(a, b):\n    if a > b:\n        return a - 1\n    return b - 2\n" in map(_texts, found)
    assert not list(pairs(singles[:1]))
