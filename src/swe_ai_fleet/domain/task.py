"""The work asked for: the same model in a task file, on the command line and on NATS."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from swe_ai_fleet.domain.value import Recorded, Value

MAX_DESCRIPTION_BYTES = 512 * 1024

Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A name that may stand in a NATS subject: letters, digits, ``_`` and ``-``, at most 64."""


class Check(Value):
    """One verification of a proposal, run in the sandbox with the repository's root as its folder."""

    name: Token
    """Unique within the task."""
    command: Annotated[str, Field(min_length=1, max_length=4096)]
    """A POSIX shell command; exit status 0 means passed."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Wall-clock limit of one run, in seconds."""


class Constraints(Value):
    """What counts as good."""

    rubric: Annotated[str, Field(max_length=65536)] = ""
    """How answers are judged, in the user's words."""
    requirements: tuple[str, ...] = ()
    """What every answer must satisfy."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """Anything else the agents should know; passed on with sorted keys."""


class CouncilPlan(Value):
    """How many agents deliberate, and how."""

    agents: Annotated[int, Field(ge=1, le=128)] = 6
    """Agents that propose answers."""
    qa: Annotated[int, Field(ge=0, le=32)] = 0
    """Further agents of role QA that propose checks."""
    batch: Annotated[int, Field(ge=1, le=128)] | None = None
    """Agents asked at a time, and no more of them once the decision is safe, or another batch is not worth its
    tokens; all at once where it is left out."""
    rounds: Annotated[int, Field(ge=0, le=8)] = 0
    """Passes of critique and revision after the first proposals."""
    quorum: Annotated[int, Field(ge=1, le=128)] | None = None
    """Proposals needed to decide; half of the agents, rounded up, where it is left out."""
    judges: Annotated[int, Field(ge=0, le=32)] = 2
    """Agents that judge each pair of answers where nothing can be executed, and the two best where what was executed
    leaves them close; 0: nobody does."""
    roles: tuple[Token, ...] = ()
    """Roles dealt to the agents in turn; the task's role for all where it is left out."""

    @model_validator(mode="after")
    def _quorum_fits(self) -> "CouncilPlan":
        if self.quorum is not None and self.quorum > self.agents:
            msg = f"quorum {self.quorum} is above the {self.agents} agents of the council"
            raise ValueError(msg)
        return self

    @property
    def needed(self) -> int:
        """Proposals that make a quorum."""
        return self.quorum if self.quorum is not None else (self.agents + 1) // 2


class Budget(Value):
    """What the deliberation may cost. It is checked before the fan-out."""

    seconds: Annotated[float, Field(gt=0, le=86400)] = 120.0
    """Hard deadline: the best so far is returned, marked partial."""
    soft_seconds: Annotated[float, Field(gt=0, le=86400)] | None = None
    """Soft deadline: rank as soon as the quorum is met and the margin is safe; half of ``seconds`` by default."""
    tokens: Annotated[int, Field(gt=0)] | None = None
    """Prompt and completion tokens of all agents together; None means no limit."""

    @property
    def soft_s(self) -> float:
        """The soft deadline in seconds, with its default filled in."""
        return min(self.seconds, self.soft_seconds if self.soft_seconds is not None else self.seconds / 2)


class Task(Value):
    """The work asked for."""

    id: Token | None = None
    """The user's own name for the task; one is derived from the description where it is left out."""
    role: Token = "DEV"
    """The role whose answer is wanted: DEV, QA, ARCHITECT, DEVOPS, DATA or any other name."""
    description: Annotated[str, Field(min_length=1)]
    """What is wanted, in the user's words; at most 512 KiB of UTF-8."""
    repo: str | None = None
    """A folder or git URL; left out for a text-only task."""
    entry_point: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = None
    """The Python function that the answers are to define; they are then run on the inputs of proposed checks, and
    compared by what they return. Only without ``repo``."""
    constraints: Constraints = Constraints()
    checks: tuple[Check, ...] = ()
    """Run on the base commit and on every proposal."""
    protected_paths: tuple[str, ...] = ()
    """Globs (``**`` spans folders) that no proposal may touch."""
    council: CouncilPlan = CouncilPlan()
    budget: Budget = Budget()
    priority: Literal["interactive", "batch"] = "interactive"
    """Who goes first where agents or models are scarce: somebody waits for an interactive task."""

    @model_validator(mode="after")
    def _consistent(self) -> "Task":
        size = len(self.description.encode())
        if size > MAX_DESCRIPTION_BYTES:
            msg = f"description has {size} bytes; the limit is {MAX_DESCRIPTION_BYTES}"
            raise ValueError(msg)
        if self.entry_point is not None and self.repo is not None:
            msg = "entry_point: a task with a repository is judged by its checks; leave one of the two out"
            raise ValueError(msg)
        names = [check.name for check in self.checks]
        if len(set(names)) != len(names):
            msg = f"checks: the names must differ, but they are {', '.join(names)}"
            raise ValueError(msg)
        return self


class RepoRef(Recorded):
    """Where the code is, fixed to one commit."""

    url: str
    """An absolute folder or a git URL."""
    commit: str
    """The full commit id that every patch is made against."""
    prefix: str = ""
    """The folder inside the repository that is the root of every path; empty, or ``a/b/`` with the last slash."""
    bundle: str | None = None
    """sha256 of a git bundle in the blob store, for hosts that cannot see ``url``."""
