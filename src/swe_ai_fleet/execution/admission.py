"""How much one process asks of its agents at once: calls and tokens, in all and by role; the more urgent first."""

import asyncio
import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from swe_ai_fleet.domain.value import Value

if TYPE_CHECKING:  # settings import this module, and not every command asks agents
    from swe_ai_fleet.domain.brief import Assignment
    from swe_ai_fleet.domain.outcome import Outcome
    from swe_ai_fleet.ports.agents import AgentPool
    from swe_ai_fleet.ports.clock import Clock

_URGENCY = {"judge": 0, "critique": 0, "revise": 1, "propose": 2}
"""A deliberation that is further on goes first: others wait for its reviews, and it gives back its room soonest."""
_BATCH = max(_URGENCY.values()) + 1
"""Taken after everything that somebody waits for; reviews of a batch are not, for they end what is under way."""

_Line = list[tuple[int, int, "Assignment", asyncio.Future[None]]]


class Admission(Value):
    """What may be under way at once in one process, such as a worker; further calls wait for their turn."""

    calls: Annotated[int, Field(ge=1)] = 1024
    """Agent calls, all roles together."""
    calls_per_role: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Agent calls of a role, by its name; a role that is not named is bounded by ``calls`` alone."""
    tokens: Annotated[int, Field(ge=1)] | None = None
    """Output tokens that all calls together may still claim; a single call that claims more goes alone.

    None: no limit.
    """


class AdmittedAgentPool:
    """An :class:`~swe_ai_fleet.ports.agents.AgentPool` that lets no more into another one than that bears.

    Calls wait for room in the order of their urgency, then of their arrival. A call whose role is full does not hold
    up those behind it; one that only waits for tokens does, so that large calls have their turn.
    """

    def __init__(self, inner: "AgentPool", admission: Admission, *, clock: "Clock") -> None:
        """``inner`` is opened and closed by whoever made it; deadlines are read against ``clock``."""
        self._inner = inner
        self._clock = clock
        self._most = admission
        self._calls: Counter[str] = Counter()
        self._under_way = 0
        self._tokens = 0
        self._arrivals = 0
        self._lines: defaultdict[str, _Line] = defaultdict(list)

    @property
    def under_way(self) -> int:
        """Calls that have been let in."""
        return self._under_way

    @property
    def waiting(self) -> int:
        """Calls in the line."""
        return sum(not turn.done() for line in self._lines.values() for _, _, _, turn in line)

    def reports(self) -> Mapping[str, int]:
        """Calls under way by role, for operators."""
        return {role: count for role, count in sorted(self._calls.items()) if count}

    async def ask(self, assignment: "Assignment") -> "Outcome":
        """Wait for room, then have the agent do it. Cancelling a waiting call takes it out of the line.

        Raises:
            TimeoutError: there was no room before the assignment's deadline.
            FleetError: as the pool inside.
        """
        if not self._goes_at_once(assignment):
            await self._turn_of(assignment)
        try:
            return await self._inner.ask(assignment)
        finally:
            self._leave(assignment)

    def _goes_at_once(self, assignment: "Assignment") -> bool:
        """Let it in where nobody waits and there is room, which is the usual case."""
        role, most = assignment.agent.role, self._most
        if any(self._lines.values()) or self._under_way >= most.calls:
            return False
        if self._calls[role] >= most.calls_per_role.get(role, most.calls) or not self._has_token_room(
            assignment
        ):
            return False
        self._enter(assignment)
        return True

    async def _turn_of(self, assignment: "Assignment") -> None:
        turn = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        place = (_urgency(assignment), self._arrivals, assignment, turn)
        heapq.heappush(self._lines[assignment.agent.role], place)
        self._let_in()
        left_s = (assignment.deadline - self._clock.now()).total_seconds()
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                await turn
        except (asyncio.CancelledError, TimeoutError):
            if turn.done() and not turn.cancelled():
                self._leave(assignment)
            else:
                self._let_in()
            raise

    def _enter(self, assignment: "Assignment") -> None:
        self._under_way += 1
        self._calls[assignment.agent.role] += 1
        self._tokens += assignment.max_tokens

    def _leave(self, assignment: "Assignment") -> None:
        self._under_way -= 1
        self._calls[assignment.agent.role] -= 1
        self._tokens -= assignment.max_tokens
        if any(self._lines.values()):
            self._let_in()

    def _let_in(self) -> None:
        """Everybody in the line for whom there is room."""
        while self.under_way < self._most.calls:
            first = min(
                (line for role, line in self._lines.items() if self._is_open(role, line)), default=None
            )
            if first is None:
                return
            _, _, assignment, turn = first[0]
            if not self._has_token_room(assignment):
                return
            heapq.heappop(first)
            self._enter(assignment)
            turn.set_result(None)

    def _is_open(self, role: str, line: _Line) -> bool:
        """Somebody of that role waits, and the role has room."""
        while line and line[0][3].done():
            heapq.heappop(line)
        return bool(line) and self._calls[role] < self._most.calls_per_role.get(role, self._most.calls)

    def _has_token_room(self, assignment: "Assignment") -> bool:
        most = self._most.tokens
        return most is None or self._tokens == 0 or self._tokens + assignment.max_tokens <= most


def _urgency(assignment: "Assignment") -> int:
    """The lower, the sooner."""
    kind = assignment.step.kind
    is_batch = assignment.brief.task.priority == "batch" and kind not in ("judge", "critique")
    return _URGENCY[kind] + (_BATCH if is_batch else 0)
