"""Several models in a fallback order, as one client."""

import pytest
from fake_time import fake_time
from scripted_models import ScriptedModel, ask

from swe_ai_fleet.errors import (
    ModelError,
    ModelRequestError,
    ModelServerError,
    ModelTimeoutError,
    ModelTruncatedError,
)
from swe_ai_fleet.models.fallback import FallbackClient

CHAIN = "a:m|b:m|c:m"


def chain(*links: ScriptedModel) -> FallbackClient:
    return FallbackClient(CHAIN, links)


def broken(name: str, attempts: int = 1) -> ModelError:
    error = ModelServerError(f"{name}:m", "500")
    error.attempts = attempts
    return error


@fake_time
async def test_the_first_that_answers_is_named_and_the_calls_to_all_are_counted() -> None:
    third = ScriptedModel(model_id="c:m")
    links = [
        ScriptedModel(steps=[broken("a", 4)]),
        ScriptedModel(steps=[ModelRequestError("b:m", "400")]),
        ScriptedModel(model_id="c:m"),
        third,
    ]
    completion = await chain(*links).complete(ask())
    assert (completion.model, completion.attempts) == ("c:m", 6)
    assert not third.requests


@fake_time
async def test_where_all_fail_every_cause_is_told() -> None:
    links = [
        ScriptedModel(steps=[broken("a", 2)]),
        ScriptedModel(steps=[ModelTimeoutError("b:m", "no answer within 5 s")]),
    ]
    with pytest.raises(ModelTimeoutError) as caught:
        await chain(*links).complete(ask())
    assert caught.value.attempts == 3
    assert "a:m: server_error: 500" in str(caught.value)
    assert "b:m: timeout: no answer within 5 s" in str(caught.value)
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert len(caught.value.__cause__.exceptions) == 2


@fake_time
async def test_a_limit_is_dealt_out_and_what_one_leaves_over_goes_to_the_next() -> None:
    links = [
        ScriptedModel(steps=[broken("a")], takes_s=3.0),
        ScriptedModel(steps=[broken("b")], takes_s=3.0),
        ScriptedModel(),
    ]
    await chain(*links).complete(ask(timeout_s=12.0))
    assert [link.requests[0].timeout_s for link in links] == [4.0, 4.5, 6.0]


@fake_time
async def test_without_a_limit_none_is_made_up() -> None:
    link = ScriptedModel()
    await chain(link).complete(ask())
    assert link.requests[0].timeout_s is None


@fake_time
async def test_closing_closes_every_link() -> None:
    links = [ScriptedModel(), ScriptedModel()]
    await chain(*links).close()
    assert [link.closed for link in links] == [1, 1]


@fake_time
async def test_what_failed_answers_cost_is_counted_and_the_limit_of_a_context_is_told() -> None:
    cut = ModelTruncatedError("a:m", "cut")
    cut.prompt_tokens, cut.completion_tokens = 900, 100
    completion = await chain(ScriptedModel(steps=[cut]), ScriptedModel()).complete(ask())
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (900, 100)
    too_long = ModelRequestError("b:m", "400", context_tokens=4096)
    with pytest.raises(ModelRequestError) as caught:
        await chain(ScriptedModel(steps=[cut]), ScriptedModel(steps=[too_long])).complete(ask())
    assert (caught.value.context_tokens, caught.value.prompt_tokens) == (4096, 900)
