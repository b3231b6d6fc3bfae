"""``bench rank``: how well the decision picks the right answer among recorded samples.

It takes the way of a deliberation: proposals and proposed tests become evidence, cells run in the sandbox,
and :func:`~swe_ai_fleet.ranking.decide.decide` ranks. Published rankers are computed beside it on the same
executions. The hidden tests are read by the scorer's process alone, after everything is ranked.
"""

import asyncio
import math
import random
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from swe_ai_fleet.bench.rank_observing import Observation, evidence_of, observe
from swe_ai_fleet.bench.rank_problems import Problem, read_problems
from swe_ai_fleet.bench.rank_report import (
    Council,
    CurvePoint,
    Decision,
    RankReport,
    Stopping,
    Truth,
    calibrate,
    interval,
    mean,
    percent,
    share_right,
    surest,
)
from swe_ai_fleet.bench.rank_rivals import codet, most_tests
from swe_ai_fleet.bench.rank_scorer import open_scorer
from swe_ai_fleet.domain.council import derive_seed
from swe_ai_fleet.domain.ranking import Ranking
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.ports.cells import CellRunner
from swe_ai_fleet.ranking.decide import decide, pays_to_ask, safe_to_stop
from swe_ai_fleet.sandbox.options import SandboxOptions

SIZES = (4, 8, 16, 32, 64, 100)
CAP = 48
"""Samples of a fixed council, and the most that a sequential one asks."""

_BATCH = 4
_QUORUM = 12
"""Answers without which a council that is asked in batches does not stop."""
_REPEATS = 24
"""Random orders of the samples; over few of them the figures of growing councils say little."""
_AT_ONCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """All decisions of one problem."""

    full: Council
    curve: tuple[Council, ...]
    batches: tuple[tuple[Council, ...], ...]
    """Of growing councils, each batch by batch up to the cap; empty where there are not that many samples."""


async def bench_rank(
    path: Path,
    *,
    samples: int = 100,
    runner: CellRunner,
    seed: int = 0,
    scorer: SandboxOptions | None = None,
) -> RankReport:
    """Decide every problem of the file and report how often the choice is right.

    Args:
        path: ``.jsonl`` or ``.jsonl.gz`` with ``task_id, prompt, entry_point, candidates, generated_tests``
            and, for the scorer, ``hidden_test``.
        samples: how many candidates and test samples of each problem are used, at least 2.
        runner: runs the candidates.
        seed: of the sub-councils and of ties; the same seed gives the same decisions.
        scorer: how the scorer's own process holds the hidden tests' runs.

    Raises:
        InputError: the file is no such file, or ``samples`` is below 2.
        SandboxError: candidates or hidden tests cannot be run.
    """
    if samples < 2:
        raise InputError("samples", samples, "too few to choose from", "Give 2 or more.")
    began, cpu_before = time.monotonic(), _cpu_s()
    problems = await asyncio.to_thread(read_problems, path)
    if not problems:
        raise InputError("file", str(path), "it holds no problem", "Give a file of the documented format.")
    observed = await _observe_all(problems, runner, samples=samples, seed=seed)
    decided = await _decide_each(observed, seed=seed)
    seconds, cpu_seconds = time.monotonic() - began, _cpu_s() - cpu_before
    truth: list[list[bool]] = []
    async with open_scorer(path, scorer or SandboxOptions()) as judge:
        for seen in observed:
            passed = await judge.passed(seen.problem.task_id, seen.programs)
            truth.append([passed[program] for program in seen.program_of])
    return _report(path, observed, decided, truth, seed=seed, seconds=seconds, cpu_seconds=cpu_seconds)


async def _observe_all(
    problems: Sequence[Problem], runner: CellRunner, *, samples: int, seed: int
) -> list[Observation]:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(problem: Problem) -> Observation:
        async with slots:
            return await observe(problem, runner, samples=samples, seed=seed)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(problem)) for problem in problems]
    return [task.result() for task in tasks]


async def _decide_each(observed: Sequence[Observation], *, seed: int) -> list[_Decided]:
    """All councils of all problems, in as many processes as there are CPUs."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        asked = [
            loop.run_in_executor(processes, partial(_decide_all, place, seen, seed=seed))
            for place, seen in enumerate(observed)
        ]
        return [await answer for answer in asked]


def _decide_all(place: int, seen: Observation, *, seed: int) -> _Decided:
    count = len(seen.program_of)
    everybody = tuple(range(count))
    rng = random.Random(derive_seed(seed, seen.problem.task_id))  # noqa: S311  # repeatable, not secret
    curve: list[Council] = []
    batches: list[tuple[Council, ...]] = []
    for _ in range(_REPEATS):
        order, testers = rng.sample(everybody, count), rng.sample(everybody, count)
        sizes = [size for size in SIZES if size < count]
        curve += [_council(place, seen, order[:n], testers[:n], seed=seed) for n in sizes]
        if count >= CAP:
            growing = range(_BATCH, CAP + 1, _BATCH)
            batches.append(tuple(_council(place, seen, order[:n], testers[:n], seed=seed) for n in growing))
    full = _council(place, seen, everybody, everybody, seed=seed)
    return _Decided(full=full, curve=(*curve, full), batches=tuple(batches))


def _council(
    place: int, seen: Observation, candidates: Sequence[int], testers: Sequence[int], *, seed: int
) -> Council:
    evidence = evidence_of(seen, candidates=candidates, testers=testers, seed=seed)
    ranking = decide(evidence)
    return Council(
        task=place,
        candidates=tuple(candidates),
        chosen=_tied(ranking),
        p_correct=ranking.ranking[0].p_correct,
        codet=_best(candidates, codet(seen, candidates=candidates, testers=testers)),
        most_tests=_best(candidates, most_tests(seen, candidates=candidates, testers=testers)),
        is_enough=len(candidates) >= _QUORUM
        and (safe_to_stop(evidence, expected=CAP) or not pays_to_ask(evidence, expected=CAP, batch=_BATCH)),
    )


def _tied(ranking: Ranking) -> tuple[int, ...]:
    """Candidates that only the stable hash keeps from the first place."""

    def evidence(score: dict[str, float]) -> dict[str, float]:
        return {name: value for name, value in score.items() if name != "hash"}

    first = evidence(ranking.ranking[0].score)
    return tuple(
        int(one.agent_id.removeprefix("dev-")) for one in ranking.ranking if evidence(one.score) == first
    )


def _best(candidates: Sequence[int], scores: Sequence[float]) -> tuple[int, ...]:
    best = max(scores)
    return tuple(
        index
        for index, score in zip(candidates, scores, strict=True)
        if math.isclose(score, best, abs_tol=1e-9)
    )


def _report(
    path: Path,
    observed: Sequence[Observation],
    decided: Sequence[_Decided],
    truth: Truth,
    *,
    seed: int,
    seconds: float,
    cpu_seconds: float,
) -> RankReport:
    full = [one.full for one in decided]
    right = [share_right(c.chosen, truth[c.task]) for c in full]
    luck, best = [mean(row) for row in truth], [float(any(row)) for row in truth]
    span = mean(best) - mean(luck)
    councils = [council for one in decided for council in one.curve]
    return RankReport(
        file=path.name,
        tasks=len(full),
        samples=max(len(c.candidates) for c in full),
        pass_at_1=percent(right),
        interval=interval(right, seed=seed),
        random=percent(luck),
        oracle=percent(best),
        efficiency=round((mean(right) - mean(luck)) / span, 3) if span > 0 else 0.0,
        codet=percent([share_right(c.codet, truth[c.task]) for c in full]),
        most_tests=percent([share_right(c.most_tests, truth[c.task]) for c in full]),
        curve=tuple(_point(size, councils, truth) for size in _sizes(councils)),
        calibration=calibrate(
            [(c.p_correct, share_right(c.chosen, truth[c.task])) for c in councils],
            list(zip([c.p_correct for c in full], right, strict=True)),
        ),
        stopping=_stopping(decided, truth),
        seconds=round(seconds, 1),
        cpu_seconds=round(cpu_seconds, 1),
        decisions=tuple(
            Decision(
                task_id=seen.problem.task_id,
                winner=f"dev-{council.chosen[0]}",
                p_correct=council.p_correct,
                passed=round(share, 3),
            )
            for seen, council, share in zip(observed, full, right, strict=True)
        ),
    )


def _sizes(councils: Sequence[Council]) -> list[int]:
    return sorted({len(council.candidates) for council in councils})


def _point(size: int, councils: Sequence[Council], truth: Truth) -> CurvePoint:
    same = [council for council in councils if len(council.candidates) == size]
    decisions = [(c.p_correct, share_right(c.chosen, truth[c.task])) for c in same]
    return CurvePoint(
        samples=size,
        pass_at_1=percent([right for _, right in decisions]),
        pass_at_1_kept=percent(surest(decisions)),
        codet=percent([share_right(c.codet, truth[c.task]) for c in same]),
        random=percent([share_right(c.candidates, truth[c.task]) for c in same]),
    )


def _stopping(decided: Sequence[_Decided], truth: Truth) -> Stopping | None:
    """Every council grows by batches until its decision is safe, or until the cap."""
    grown = [batches for one in decided for batches in one.batches]
    if not grown:
        return None
    stopped = [next((c for c in batches if c.is_enough), batches[-1]) for batches in grown]
    asked = mean([len(c.candidates) for c in stopped])
    return Stopping(
        cap=CAP,
        samples=round(asked, 1),
        saved=round(1 - asked / CAP, 3),
        pass_at_1=percent([share_right(c.chosen, truth[c.task]) for c in stopped]),
        fixed_pass_at_1=percent([share_right(b[-1].chosen, truth[b[-1].task]) for b in grown]),
    )


def _cpu_s() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return math.fsum(one.ru_utime + one.ru_stime for one in used)
