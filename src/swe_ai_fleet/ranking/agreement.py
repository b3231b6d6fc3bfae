"""Agreement: how many votes say the same as a candidate, and which candidates say the same throughout."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from swe_ai_fleet.ranking.candidates import Candidate


def agreement_scores(candidates: Sequence[Candidate], votes: Mapping[str, float]) -> dict[str, float]:
    """By proposal id: the mean share of the votes that gave the same output, over all inputs.

    ``S(i) = sum_x sum_j r_j * 1(o_j(x) = o_i(x))``, divided by inputs and votes; an abstention agrees with nobody
    and earns nothing. It is the sum of MBR-exec (Shi et al. 2022) with soft agreement instead of one cluster.
    """
    inputs = sorted({name for candidate in candidates for name in candidate.signature})
    total = sum(votes.values())
    said: dict[tuple[str, str], float] = defaultdict(float)
    for candidate in candidates:
        for name, output in candidate.signature.items():
            said[name, output] += votes.get(candidate.id, 0.0)
    if not inputs or not total:
        return {candidate.id: 0.0 for candidate in candidates}
    return {
        candidate.id: sum(said[pair] for pair in sorted(candidate.signature.items())) / (total * len(inputs))
        for candidate in candidates
    }


def copies(candidates: Sequence[Candidate], votes: Mapping[str, float]) -> dict[str, float]:
    """By proposal id: the share of the votes whose answer is the same after normalisation."""
    return _shares({candidate.id: candidate.key for candidate in candidates}, votes)


def behaving_alike(candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
    """Groups with the same signature; where nothing was executed, groups of the same answer."""
    groups: dict[object, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        key = tuple(sorted(candidate.signature.items())) or candidate.key
        groups[key].append(candidate)
    return [tuple(group) for group in groups.values()]


def _shares(keys: Mapping[str, str], votes: Mapping[str, float]) -> dict[str, float]:
    total = sum(votes.values()) or 1.0
    said: dict[str, float] = defaultdict(float)
    for proposal_id, key in sorted(keys.items()):
        said[key] += votes.get(proposal_id, 0.0)
    return {proposal_id: said[key] / total for proposal_id, key in keys.items()}
