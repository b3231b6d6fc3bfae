"""Reviews that do not fit their tokens are asked for once more."""

import pytest
from assignments import assignment, critique_step, revise_step, text_brief
from scripted_models import ScriptedModel

from swe_ai_fleet.errors import ModelTruncatedError
from swe_ai_fleet.orchestrator.agents.vllm_agent_base import VLLMAgentBase

REVIEW = '{"P1": {"verdict": "accept", "tenths": 9, "defects": [], "suggestion": ""}}'


def cut_short() -> ModelTruncatedError:
    error = ModelTruncatedError("vllm:m", "2000 tokens ended in the middle of a JSON answer")
    error.prompt_tokens, error.completion_tokens = 10, 2000
    return error


def agent(model: ScriptedModel) -> VLLMAgentBase:
    return VLLMAgentBase("dev-1", "DEV", "http://127.0.0.1:9", "m", max_tokens=500, client=model)


async def test_a_review_that_was_cut_is_asked_for_again_with_twice_the_tokens_and_both_are_counted() -> None:
    model = ScriptedModel(steps=(cut_short(), REVIEW))
    step = critique_step("ada")
    reviewed = await agent(model).critique(assignment(step), step)
    assert [critique.verdict for critique in reviewed.critiques] == ["accept"]
    assert [request.max_tokens for request in model.requests] == [500, 1000]
    assert (reviewed.usage.prompt_tokens, reviewed.usage.completion_tokens) == (10, 2000)


async def test_several_reviews_that_were_cut_are_asked_for_one_by_one() -> None:
    model = ScriptedModel(steps=(cut_short(), REVIEW, REVIEW.replace("P1", "P2")))
    step = critique_step("ada", "bob")
    reviewed = await agent(model).critique(assignment(step), step)
    assert {critique.proposal_id for critique in reviewed.critiques} == {"ada.0", "bob.0"}
    wanted = [(request.json_schema or {})["required"] for request in model.requests]
    assert wanted == [["P1", "P2"], ["P1"], ["P2"]]
    assert reviewed.usage.completion_tokens == 2000


@pytest.mark.parametrize(
    ("task_priority", "expected"),
    [("interactive", ["judge", "interactive"]), ("batch", ["judge", "batch"])],
)
async def test_reviews_go_first_and_answers_as_their_task_says(
    task_priority: str, expected: list[str]
) -> None:
    model = ScriptedModel(steps=(REVIEW, "fix"))
    task = text_brief().task.model_copy(update={"priority": task_priority})
    brief = text_brief().model_copy(update={"task": task})
    review, revision = critique_step("ada"), revise_step()
    await agent(model).critique(assignment(review, brief=brief), review)
    await agent(model).revise(assignment(revision, brief=brief), revision)
    assert [request.priority for request in model.requests] == expected


async def test_a_review_that_is_cut_twice_is_given_up() -> None:
    model = ScriptedModel(steps=(cut_short(),))
    step = critique_step("ada")
    with pytest.raises(ModelTruncatedError):
        await agent(model).critique(assignment(step), step)
    assert len(model.requests) == 2
