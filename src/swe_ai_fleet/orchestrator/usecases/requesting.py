"""From a task to the first event: who deliberates, within which budget, under which ids."""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from swe_ai_fleet.domain.council import Council, assemble_council
from swe_ai_fleet.domain.events import Requested
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.errors import BudgetError

_BYTES_PER_TOKEN = 3.5
_CONTEXT_BYTES = 48 * 1024
"""What a brief may show of a repository; see :mod:`swe_ai_fleet.orchestrator.usecases.briefing`."""


def task_id_of(task: Task) -> str:
    """The user's id, or the first words of the description and six digits of its sha256."""
    if task.id is not None:
        return task.id
    found = re.finditer(r"[a-z0-9]+", task.description.lower())
    words = [match.group() for match in islice(found, 4)]
    digest = hashlib.sha256(task.description.encode()).hexdigest()[:6]
    return "-".join([*words, digest])[-64:].lstrip("-")


def new_deliberation_id(task: Task) -> str:
    """A fresh id that starts with the task's."""
    return f"{task_id_of(task)[:55]}-{secrets.token_hex(4)}"


def request_deliberation(
    task: Task,
    *,
    deliberation_id: str,
    models: Sequence[str],
    repo: RepoRef | None,
    seed: int,
    now: datetime,
    max_tokens: int,
    traceparent: str | None = None,
) -> tuple[Requested, tuple[str, ...]]:
    """The ``requested`` event, and notes on what the budget changed.

    Raises:
        BudgetError: the budget cannot hold a quorum.
    """
    council, notes = _fit_budget(task, assemble_council(task, models, seed=seed), max_tokens=max_tokens)
    event = Requested(
        deliberation_id=deliberation_id,
        task_id=task_id_of(task),
        num_agents=len(council.agents),
        time=now,
        traceparent=traceparent,
        task=task,
        council=council,
        seed=seed,
        repo=repo,
    )
    return event, notes


def _fit_budget(task: Task, council: Council, *, max_tokens: int) -> tuple[Council, tuple[str, ...]]:
    """Drop the last model agents until the projected cost of round 0 fits; never below the quorum.

    A council that is asked in batches stays whole where its first batch fits: the budget is looked at before each
    further one.
    """
    limit = task.budget.tokens
    paid = [agent for agent in council.agents if not agent.searches]
    if limit is None or not paid:
        return council, ()
    context = _CONTEXT_BYTES if task.repo is not None else 0
    each = int((_told_bytes(task) + context) / _BYTES_PER_TOKEN) + max_tokens
    affordable = limit // each
    if affordable >= len(paid):
        return council, ()
    if len(council.agents) - len(paid) + affordable < council.quorum:
        raise _too_dear(limit, f"the quorum of {council.quorum} agents", each, council.quorum, "quorum")
    if task.council.batch is not None:
        first = (*council.proposers[: task.council.batch], *council.testers)
        asked = sum(not agent.searches for agent in first)
        if affordable < asked:
            raise _too_dear(limit, f"the first batch with its {asked} agents", each, asked, "batch")
        return council, ()
    kept = {agent.agent_id for agent in paid[:affordable]}
    agents = tuple(a for a in council.agents if a.searches or a.agent_id in kept)
    note = f"the token budget of {limit} holds {len(agents)} of {len(council.agents)} agents"
    return council.model_copy(update={"agents": agents}), (note,)


def _too_dear(limit: int, what: str, each: int, agents: int, field: str) -> BudgetError:
    return BudgetError(
        f"budget.tokens: {limit} cannot hold {what} at about {each} tokens each."
        f" Raise it to {each * agents} or lower council.{field}."
    )


def _told_bytes(task: Task) -> int:
    """What the user wrote that stands in every prompt."""
    said = task.constraints
    facts = json.dumps(said.metadata, ensure_ascii=False) if said.metadata else ""
    checks = [f"{check.name}: {check.command}" for check in task.checks]
    texts = (task.description, said.rubric, *said.requirements, facts, *checks, *task.protected_paths)
    return sum(len(text.encode("utf-8", "replace")) for text in texts)
