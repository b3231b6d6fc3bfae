"""What every agent of a deliberation is told, and what one agent is asked: the assignment."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.review import Critique, Showing
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.domain.value import Recorded


class SourceFile(Recorded):
    """One file of the repository at the task's commit, as shown to agents."""

    path: str
    """Relative to the repository's root, with forward slashes."""
    text: str
    truncated: bool = False


class Brief(Recorded):
    """What all agents share, byte for byte: the common prefix of every prompt."""

    task: Task
    repo: RepoRef | None = None
    base: CheckReport | None = None
    """What the checks say of the unchanged commit."""
    tree: tuple[str, ...] = ()
    """Paths of the repository, sorted, capped."""
    files: tuple[SourceFile, ...] = ()
    """The files most likely to matter (named by the task, by stack traces), most likely first, capped in bytes."""


class ProposeStep(Recorded):
    """Answer the task."""

    kind: Literal["propose"] = "propose"


class CritiqueStep(Recorded):
    """Review these proposals of peers; evidence first."""

    kind: Literal["critique"] = "critique"
    proposals: tuple[Proposal, ...]
    reports: tuple[CheckReport, ...] = ()


class MissedTests(Recorded):
    """Proposed tests that fail on the unchanged commit and pass on some answer, but not on this one."""

    content: str
    """The test files, as they were proposed."""
    cases: tuple[str, ...]
    """Names of the cases that it does not pass."""


class ReviseStep(Recorded):
    """Answer again: your own proposal, what the sandbox saw of it, and what peers said."""

    kind: Literal["revise"] = "revise"
    parent: Proposal
    report: CheckReport | None = None
    missed: tuple[MissedTests, ...] = ()
    critiques: tuple[Critique, ...] = ()


class JudgeStep(Recorded):
    """Say which of two texts is better, pair by pair, without knowing whose they are."""

    kind: Literal["judge"] = "judge"
    showings: tuple[Showing, ...]
    """The two orders of a pair stand side by side."""
    texts: dict[str, str]
    """What is shown, by id."""
    question: str = ""
    """The input to which the texts are what two programs returned; empty where they are answers to the task."""
    turns: Annotated[int, Field(ge=1)] = 1
    """How often a pair is shown at most; again only where its two orders were answered differently."""
    tokens: int | None = None
    """No further question is asked once so many are spent; None means no limit."""


Step = Annotated[ProposeStep | CritiqueStep | ReviseStep | JudgeStep, Field(discriminator="kind")]


class Assignment(Recorded):
    """One thing that one agent is asked to do; enough for any process to do it and to record it."""

    deliberation_id: str
    task_id: str
    num_agents: int
    round: int
    attempt: int = 1
    agent: AgentSpec
    brief: Brief
    step: Step
    deadline: datetime
    """UTC; the work is worth nothing after it."""
    max_tokens: Annotated[int, Field(ge=1)] = 2000
    traceparent: str | None = None
