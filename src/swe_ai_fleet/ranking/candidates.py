"""Proposals as the decision sees them: deduplicated, with their authors' votes."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.ranking.evidence import Behaviour, Evidence
from swe_ai_fleet.ranking.normalise import answer_key
from swe_ai_fleet.ranking.regressions import new_failures, steady, unresolved, verdicts

_HEAVIEST = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One answer and everything executed that is known of it."""

    proposal: Proposal
    report: CheckReport | None
    key: str
    """Equal for answers that are the same."""
    new_failures: frozenset[str] = frozenset()
    unresolved: frozenset[str] = frozenset()
    examples_failed: int = 0
    """Examples in the task's own words that it does not reproduce."""
    verdicts: Behaviour
    """Of the checks and their cases."""
    outputs: Behaviour
    """On the pooled inputs."""
    id: str = field(init=False)
    """The proposal's id."""

    def __post_init__(self) -> None:
        """Say the id once: the decision asks for it at every turn."""
        object.__setattr__(self, "id", self.proposal.proposal_id)

    @property
    def signature(self) -> Behaviour:
        """Everything it did that others can agree with."""
        return {**self.verdicts, **self.outputs}

    @property
    def is_executed(self) -> bool:
        """Anything is known of what it does."""
        return bool(self.verdicts or self.outputs)


def candidates_of(evidence: Evidence) -> list[Candidate]:
    """The answers, each id once, sorted by id; checks that QA agents propose are none."""
    found: dict[str, Proposal] = {}
    for proposal in evidence.proposals:
        there = found.get(proposal.proposal_id)
        is_first = there is None or proposal.model_dump_json() < there.model_dump_json()
        if is_first and proposal.kind == "answer":
            found[proposal.proposal_id] = proposal
    return _comparable([_candidate(found[pid], evidence) for pid in sorted(found)])


def _comparable(candidates: list[Candidate]) -> list[Candidate]:
    """The same, with only those cases that at least half of the checked candidates ran.

    A patch that brings its own test cases, or dodges those of the others, does not choose what is compared.
    """
    ran = Counter(name for candidate in candidates for name in candidate.verdicts)
    if not ran:
        return candidates
    checked = sum(bool(candidate.verdicts) for candidate in candidates)
    common = {name for name, count in ran.items() if 2 * count >= checked}
    return [
        replace(c, verdicts={name: verdict for name, verdict in c.verdicts.items() if name in common})
        for c in candidates
    ]


def _candidate(proposal: Proposal, evidence: Evidence) -> Candidate:
    report = evidence.reports.get(proposal.proposal_id)
    outputs = evidence.behaviours.get(proposal.proposal_id, {})
    if report is None:
        key = answer_key(proposal.content, is_program=evidence.task.entry_point is not None)
        failed = _examples_failed(outputs, evidence)
        return Candidate(
            proposal=proposal, report=None, key=key, verdicts={}, outputs=outputs, examples_failed=failed
        )
    return Candidate(
        proposal=proposal,
        report=report,
        key=answer_key(proposal.content, patch_key=report.patch_key if report.applied else None),
        new_failures=new_failures(report, evidence.base),
        unresolved=unresolved(report, evidence.base),
        verdicts=steady(verdicts(report), evidence.base),
        outputs=outputs,
        examples_failed=_examples_failed(outputs, evidence),
    )


def _examples_failed(outputs: Behaviour, evidence: Evidence) -> int:
    given = {(claim.input_id, claim.output) for claim in evidence.claims if claim.is_given}
    return sum(outputs.get(input_id) != output for input_id, output in given)


def weight_of(agent_id: str, reliability: Mapping[str, float]) -> float:
    """The agent's vote weight, at most 100; 1 where it is unknown or no finite positive number."""
    weight = reliability.get(agent_id, 1.0)
    return min(weight, _HEAVIEST) if math.isfinite(weight) and weight > 0 else 1.0


def votes_of(survivors: Iterable[Candidate], reliability: Mapping[str, float]) -> dict[str, float]:
    """Votes by proposal id: every agent has one, for its latest surviving answer.

    A revision that does not survive leaves the vote with its parent; saying the same twice is no second vote.
    """
    latest: dict[str, Proposal] = {}
    for candidate in survivors:
        proposal = candidate.proposal
        standing = latest.get(proposal.agent_id)
        if standing is None or (proposal.round, proposal.proposal_id) > (
            standing.round,
            standing.proposal_id,
        ):
            latest[proposal.agent_id] = proposal
    return {p.proposal_id: weight_of(agent, reliability) for agent, p in latest.items()}
