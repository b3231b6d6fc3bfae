"""Running every candidate of a problem on the pooled inputs, and what a council of some of them would know."""

import ast
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from swe_ai_fleet.bench.rank_problems import Problem
from swe_ai_fleet.domain.council import AgentSpec, Council
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.orchestrator.usecases.gathering_async import canonical_texts, run_matrix
from swe_ai_fleet.ports.cells import CellLimits, CellRunner
from swe_ai_fleet.ranking.claims import Assertion
from swe_ai_fleet.ranking.evidence import Claim, Evidence
from swe_ai_fleet.ranking.observing import behaviour_of
from swe_ai_fleet.ranking.pool import CLAIMS_EACH, PooledInput, is_literal, pool_inputs

_MODEL = "recorded:samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One problem, executed."""

    problem: Problem
    programs: tuple[str, ...]
    """Distinct ones, in the order in which candidates first wrote them."""
    program_of: tuple[int, ...]
    """By candidate: its place in ``programs``."""
    outputs: tuple[Mapping[str, str], ...]
    """By program: canonical output by input, None included; what raised or took too long is missing."""
    pool: tuple[PooledInput, ...]
    tests: tuple[tuple[Assertion, ...], ...]
    canonical: Mapping[str, str]
    """Canonical text of every expected output, by its source."""

    def expected(self, assertion: Assertion) -> str | None:
        """The canonical output that an assertion expects; None where it is none or no literal."""
        return None if assertion.expected is None else self.canonical.get(assertion.expected)


async def observe(problem: Problem, runner: CellRunner, *, samples: int, seed: int) -> Observation:
    """Run the first ``samples`` candidates on the inputs of the first ``samples`` test samples.

    Raises:
        SandboxError: the cells cannot be run.
    """
    sources = [problem.program(index) for index in range(min(samples, len(problem.candidates)))]
    programs = list(dict.fromkeys(sources))
    tests = problem.tests(samples)
    pool = pool_inputs(
        [(tester(index), asserts) for index, asserts in enumerate(tests)],
        source=f"{problem.prompt}    pass\n",
        entry_point=problem.entry_point,
        seed=seed,
    )
    calls = list(dict.fromkeys([*(one.arguments for one in pool), *_arguments(problem.examples())]))
    matrix = run_matrix(runner, programs, problem.entry_point, [calls], limits=CellLimits(), seeds=(0,))
    async with aclosing(matrix) as rows:
        outputs = {source: row async for source, row in rows}
    every = [*_flat(tests), *problem.examples()]
    expected = {a.expected for a in every if a.expected is not None and is_literal(a.expected)}
    return Observation(
        problem=problem,
        programs=tuple(programs),
        program_of=tuple(programs.index(source) for source in sources),
        outputs=tuple(outputs[source] for source in programs),
        pool=tuple(pool),
        tests=tuple(tuple(asserts) for asserts in tests),
        canonical=await canonical_texts(runner, sorted(expected)),
    )


def evidence_of(
    seen: Observation, *, candidates: Sequence[int], testers: Sequence[int], seed: int
) -> Evidence:
    """What a council of these candidates and testers would decide on."""
    specs = [AgentSpec(agent_id=writer(index), role="DEV", model=_MODEL) for index in candidates]
    specs += [AgentSpec(agent_id=tester(i), role="QA", duty="test", model=_MODEL) for i in testers]
    names = {tester(index) for index in testers}
    inputs = {one.arguments: one.weight(names) for one in seen.pool}
    inputs |= dict.fromkeys(_arguments(seen.problem.examples()), 1.0)
    live = {arguments for arguments, weight in inputs.items() if weight > 0}
    behaviours = {
        program: behaviour_of(seen.outputs[program], live, text=seen.problem.prompt)
        for program in {seen.program_of[index] for index in candidates}
    }
    return Evidence(
        task=Task(description=seen.problem.prompt),
        council=Council(agents=tuple(specs), quorum=1),
        proposals=tuple(_proposal(seen, index) for index in candidates),
        seed=seed,
        behaviours={f"{writer(index)}.0": behaviours[seen.program_of[index]] for index in candidates},
        inputs=inputs,
        claims=tuple(_claims(seen, testers)),
    )


def writer(index: int) -> str:
    """Agent id of a candidate's author."""
    return f"dev-{index}"


def tester(index: int) -> str:
    """Agent id of a test sample's author."""
    return f"tester-{index}"


def _proposal(seen: Observation, index: int) -> Proposal:
    return Proposal(
        proposal_id=f"{writer(index)}.0",
        agent_id=writer(index),
        role="DEV",
        model=_MODEL,
        round=0,
        content=seen.programs[seen.program_of[index]],
    )


def _claims(seen: Observation, testers: Sequence[int]) -> list[Claim]:
    found = [
        Claim(author=tester(index), input_id=assertion.arguments, output=expected)
        for index in testers
        if index < len(seen.tests)
        for assertion in seen.tests[index][:CLAIMS_EACH]
        if assertion.arguments is not None and (expected := seen.expected(assertion)) is not None
    ]
    examples = [
        Claim(author="task", input_id=one.arguments, output=expected, is_given=True)
        for one in seen.problem.examples()
        if one.arguments is not None and (expected := seen.expected(one)) is not None
    ]
    return found + examples


def _arguments(assertions: Sequence[Assertion]) -> list[str]:
    return [one.arguments for one in assertions if one.arguments is not None]


def _flat(tests: Sequence[Sequence[Assertion]]) -> list[Assertion]:
    return [assertion for asserts in tests for assertion in asserts]


def same_value(one: str, other: str) -> bool:
    """The two canonical texts stand for values that Python calls equal, whatever their types."""
    if one == other:
        return True
    try:
        return bool(ast.literal_eval(one) == ast.literal_eval(other))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False
