"""Spans of a deliberation, in one process."""

from fake_time import fake_time
from kept_spans import ancestors, is_one_tree, named, spans_in_memory
from small_fleet import Says, by_agent, small_fleet

from swe_ai_fleet.errors import ModelTimeoutError
from swe_ai_fleet.tracing import names
from swe_ai_fleet.tracing.spans import current_span, span

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@fake_time
async def test_a_deliberation_is_one_tree_and_its_events_name_their_spans() -> None:
    with spans_in_memory() as memory:
        async with small_fleet(
            by_agent({"dev-3": Says(error=ModelTimeoutError("vllm:tiny", "slow"))})
        ) as fleet:
            with span("swe-fleet deliberate") as asked:
                requested = fleet.request().model_copy(update={"traceparent": asked.traceparent})
                await fleet.deliberate.run(requested)
            events = await fleet.events()
    spans = memory.spans
    assert is_one_tree(spans)
    invoked = named(spans, "invoke_agent DEV")
    assert len(invoked) == 3
    assert {tuple(ancestors(each, spans)) for each in invoked} == {
        ("ask propose", "invoke_workflow deliberation", "swe-fleet deliberate")
    }
    assert [each.attributes[names.ERROR_TYPE] for each in invoked if each.is_error] == ["timeout"]
    assert {tuple(ancestors(each, spans)[:1]) for each in named(spans, "check")} == {
        ("invoke_workflow deliberation",)
    }
    [workflow] = named(spans, "invoke_workflow deliberation")
    assert workflow.attributes[names.OUTCOME] == "decided"
    assert workflow.attributes[names.CONVERSATION] == "d1"
    by_id = {each.span_id: each.name for each in spans}
    caused = {event.type: by_id[(event.traceparent or "").split("-")[2]] for event in events}
    assert caused["requested"] == "swe-fleet deliberate"
    assert caused["proposed"] == caused["agent_failed"] == "invoke_agent DEV"
    assert caused["closed"] == "invoke_workflow deliberation"


@fake_time
async def test_without_a_tracer_the_callers_trace_is_passed_on() -> None:
    async with small_fleet() as fleet:
        await fleet.deliberate.run(fleet.request().model_copy(update={"traceparent": PARENT}))
        assert {event.traceparent for event in await fleet.events()} == {PARENT}
        assert current_span().traceparent is None


@fake_time
async def test_a_deliberation_that_goes_on_elsewhere_stays_in_its_trace() -> None:
    async with small_fleet() as fleet:
        await fleet.record.events.publish(fleet.request().model_copy(update={"traceparent": PARENT}))
        with spans_in_memory() as memory:
            await fleet.deliberate.resume("d1")
    [workflow] = named(memory.spans, "invoke_workflow deliberation")
    assert (workflow.trace_id, workflow.parent_id) == tuple(PARENT.split("-")[1:3])
    assert {each.trace_id for each in memory.spans} == {workflow.trace_id}


def test_what_is_unknown_is_left_out_and_what_fails_is_told() -> None:
    with spans_in_memory() as memory:
        with span("one", attributes={"a": 1, "b": None, "c": ("x", "y")}) as work:
            work.fail("timeout", "too slow")
        with span("two", parent=PARENT):
            assert (current_span().traceparent or "").startswith("00-0af7651916cd43dd8448eb211c80319c-")
    one, two = memory.spans
    assert one.attributes == {"a": 1, "c": ("x", "y"), names.ERROR_TYPE: "timeout"}
    assert one.is_error
    assert two.parent_id == "b7ad6b7169203331"
