"""The agent asked directly, without a deliberation: plain values in, an assignment out."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from swe_ai_fleet.domain.brief import Assignment, Brief, ProposeStep
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import InputError

CONSTRAINT_FIELDS = ("rubric", "requirements", "metadata", "checks", "protected_paths", "budget", "quorum")
"""What ``constraints`` may hold; all of it may be left out."""


def plain_task(description: str, constraints: Mapping[str, Any], *, task_id: str | None = None) -> Task:
    """The task that plain values describe.

    Args:
        description: what is wanted.
        constraints: ``rubric`` (a text, or any JSON value, which is shown as JSON), ``requirements`` (a text or a
            list), ``metadata``, ``checks`` (mappings with ``name`` and ``command``), ``protected_paths``, ``budget``
            (``seconds``, ``tokens``, ``rounds``) and ``quorum``. Rounds and quorum belong to a council; a single
            agent is told nothing of them.
        task_id: the caller's own name for it.

    Raises:
        InputError: a field is unknown or not valid; it is named.
    """
    unknown = sorted(set(constraints) - set(CONSTRAINT_FIELDS))
    if unknown:
        known = f"Known constraints: {', '.join(CONSTRAINT_FIELDS)}."
        raise InputError(
            f"constraints.{unknown[0]}", constraints[unknown[0]], "there is no such constraint", known
        )
    budget = {
        name: value for name, value in dict(constraints.get("budget") or {}).items() if name != "rounds"
    }
    document = {
        "id": task_id,
        "description": description,
        "constraints": {
            "rubric": _text(constraints.get("rubric", "")),
            "requirements": _lines(constraints.get("requirements") or ()),
            "metadata": constraints.get("metadata") or {},
        },
        "checks": constraints.get("checks") or (),
        "protected_paths": constraints.get("protected_paths") or (),
        "budget": budget,
    }
    try:
        return Task.model_validate(document)
    except ValidationError as error:
        raise input_error(error, prefix="task") from error


def plain_assignment(
    task: Task,
    agent: AgentSpec,
    *,
    deliberation_id: str,
    task_id: str,
    num_agents: int,
    max_tokens: int,
    now: datetime,
) -> Assignment:
    """Propose an answer to that task; its budget's seconds count from ``now``."""
    return Assignment(
        deliberation_id=deliberation_id,
        task_id=task_id,
        num_agents=num_agents,
        round=0,
        agent=agent,
        brief=Brief(task=task),
        step=ProposeStep(),
        deadline=now + timedelta(seconds=task.budget.seconds),
        max_tokens=max_tokens,
    )


def input_error(error: ValidationError, *, prefix: str) -> InputError:
    """The first problem of a validation, as an error that names the field."""
    first = error.errors(include_url=False)[0]
    field = ".".join([prefix, *(str(part) for part in first["loc"])])
    return InputError(field, first["input"], first["msg"], "Correct this field.")


def _text(value: Any) -> str:
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    )


def _lines(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value
