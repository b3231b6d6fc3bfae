"""How the candidates stand: gates passed, votes counted, every part of the score, clusters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from swe_ai_fleet.domain.ranking import TierVerdict
from swe_ai_fleet.ranking.agreement import agreement_of, behaving_alike, copies
from swe_ai_fleet.ranking.candidates import Candidate, candidates_of, votes_of
from swe_ai_fleet.ranking.demands import coverage, demanded, elaboration
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.gates import EXAMPLES, GATES, Gate, demerits, pass_gates
from swe_ai_fleet.ranking.judgements import judgement_parts
from swe_ai_fleet.ranking.reproductions import passed_tests, reproduction_scores
from swe_ai_fleet.ranking.ties import (
    confidences,
    costs,
    priors,
    reliabilities,
    stable_fractions,
)

_LESS_IS_BETTER = frozenset({gate.name for gate in (*GATES, EXAMPLES)} | {"cost"})

_INFORMATIVE = frozenset(
    {
        "coverage",
        "elaboration",
        "agreement_with_own_tests",
        "agreement_among_answers",
        "reproduction_with_own_tests",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The candidates with everything that the ranking is read from."""

    candidates: tuple[Candidate, ...]
    survivors: tuple[Candidate, ...]
    tiers: tuple[TierVerdict, ...]
    gates: tuple[Gate, ...]
    votes: Mapping[str, float]
    parts: Mapping[str, Mapping[str, float]]
    """By name of the part, in the order of comparison; each by proposal id."""
    clusters: tuple[tuple[Candidate, ...], ...]
    """Of the survivors, best first, each best first."""
    is_text: bool = False
    """Nothing was executed, and there is nothing that could be."""
    passed: Mapping[str, frozenset[str]]
    """By proposal id: the proposed tests it passes, of those that count."""
    total: float = field(init=False)
    """All votes."""
    leading: tuple[Candidate, ...] = field(init=False)
    """The winner's cluster; empty where there is no candidate."""
    others: tuple[tuple[Candidate, ...], ...] = field(init=False)
    """The other clusters that anybody votes for, the strongest first."""
    _cluster_by_id: Mapping[str, tuple[Candidate, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute once what the ranking asks of every candidate."""
        clusters = {candidate.id: cluster for cluster in self.clusters for candidate in cluster}
        object.__setattr__(self, "_cluster_by_id", clusters)
        object.__setattr__(self, "total", sum(self.votes.values()))
        leading = self.cluster_of(self.candidates[0]) if self.candidates else ()
        object.__setattr__(self, "leading", leading)
        voted = ((self.support(cluster), cluster) for cluster in self.clusters if cluster is not leading)
        others = sorted((one for one in voted if one[0] > 0), key=lambda one: (-one[0], one[1][0].id))
        object.__setattr__(self, "others", tuple(cluster for _, cluster in others))

    def support(self, cluster: Sequence[Candidate]) -> float:
        """Votes for these candidates together."""
        return sum(self.votes.get(candidate.id, 0.0) for candidate in cluster)

    def cluster_of(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """The cluster it belongs to; alone where a gate dropped it."""
        return self._cluster_by_id.get(candidate.id, (candidate,))

    def led_by(self, cluster: tuple[Candidate, ...]) -> "Standing":
        """The same with this cluster first, and the reason among the parts, before agreement."""
        first = {candidate.id for candidate in cluster}
        won = {c.id: float(c.id in first) for c in self.candidates}
        parts: dict[str, Mapping[str, float]] = {}
        for name, part in self.parts.items():
            if name == "agreement":
                parts["duel"] = won
            parts[name] = part
        kept = {c.id for c in self.survivors}
        order = sorted(self.candidates, key=lambda c: (c.id not in kept, -won[c.id]))
        others = tuple(other for other in self.clusters if other is not cluster)
        return replace(self, candidates=tuple(order), parts=parts, clusters=(cluster, *others))

    @property
    def two_leading(self) -> tuple[float, float]:
        """Votes of the winner's cluster, and of the strongest other one."""
        others = self.others
        return self.support(self.leading), self.support(others[0]) if others else 0.0

    @property
    def margin(self) -> float:
        """Share of the votes for the winner's cluster less that of the next, 0 to 1."""
        lead, second = self.two_leading
        return round(max(0.0, lead - second) / (self.total or 1.0), 6)


def standing_of(evidence: Evidence) -> Standing:
    """Everything that the ranking is read from."""
    candidates = candidates_of(evidence)
    is_executed = evidence.task.repo is not None or any(c.report for c in candidates)
    gates = GATES if is_executed else ()
    if any(claim.is_given for claim in evidence.claims):
        gates = (*gates, EXAMPLES)
    survivors, tiers = pass_gates(candidates, gates)
    votes = votes_of(survivors, evidence.reliability)
    parts = _parts(candidates, votes, gates, evidence)
    best_first = sorted(candidates, key=lambda c: _order(c, parts))
    kept = {candidate.id for candidate in survivors}
    passed = passed_tests(candidates, evidence.reproductions)
    clusters = behaving_alike([c for c in best_first if c.id in kept], evidence.inputs, passed=passed)
    return Standing(
        candidates=tuple(best_first),
        survivors=tuple(survivors),
        tiers=tiers,
        gates=gates,
        votes=votes,
        parts=parts,
        clusters=tuple(clusters),
        passed=passed,
        is_text=not gates and not _is_executed(candidates, evidence),
    )


def _parts(
    candidates: Sequence[Candidate], votes: Mapping[str, float], gates: Sequence[Gate], evidence: Evidence
) -> dict[str, dict[str, float]]:
    """Every part of the score by its name, in the order of comparison."""
    counted = {c.id: demerits(c, gates) for c in candidates}
    parts = {
        gate.name: {pid: float(row[column]) for pid, row in counted.items()}
        for column, gate in enumerate(gates)
    }
    details: dict[str, dict[str, float]] = {}
    is_executed = _is_executed(candidates, evidence)
    judged = judgement_parts(candidates, evidence, is_text=not gates and not is_executed)
    copied = copies(candidates, votes)
    if is_executed:
        agreed, details = _agreement(candidates, votes, evidence)
        shown = reproduction_scores(candidates, votes, evidence.reproductions)
        is_shown = any(shown.with_own.values())
        parts |= {
            "agreement": agreed,
            **({"reproduction": dict(shown.impartial)} if is_shown else {}),
            "copies": copied,
        }
        details |= {"reproduction_with_own_tests": dict(shown.with_own)} if is_shown else {}
    else:
        parts |= {"copies": copied} if gates else {**judged, "copies": copied}
    parts |= {
        "reliability": reliabilities(candidates, evidence.reliability),
        "confidence": confidences(candidates),
        "prior": priors(candidates, evidence),
        **{name: part for name, part in judged.items() if name not in parts},
        "cost": costs(candidates),
        "hash": stable_fractions(candidates, evidence.seed),
        **details,
    }
    return {name: {pid: round(value, 9) for pid, value in part.items()} for name, part in parts.items()}


def _is_executed(candidates: Sequence[Candidate], evidence: Evidence) -> bool:
    return bool(evidence.behaviours) or any(candidate.is_executed for candidate in candidates)


def _agreement(
    candidates: Sequence[Candidate], votes: Mapping[str, float], evidence: Evidence
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """What is compared, and what it is made of; the latter stands at the end of the score and decides nothing."""
    agreed = agreement_of(candidates, votes, evidence)
    if not evidence.behaviours:
        return dict(agreed.impartial), {}
    covered, elaborated = coverage(candidates, evidence.task.description), elaboration(candidates)
    details = {
        "coverage": covered,
        "elaboration": elaborated,
        "agreement_with_own_tests": demanded(agreed.with_own, covered, elaborated),
        "agreement_among_answers": dict(agreed.among_answers),
    }
    return demanded(agreed.impartial, covered, elaborated), details


def _order(candidate: Candidate, parts: Mapping[str, Mapping[str, float]]) -> tuple[float | str, ...]:
    pid = candidate.id
    return (
        *(
            part[pid] if name in _LESS_IS_BETTER else -part[pid]
            for name, part in parts.items()
            if name not in _INFORMATIVE
        ),
        pid,
    )
