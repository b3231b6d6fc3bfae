"""The page and the board tell of proposed tests and of functions."""

import re

from story import Story
from story import task as a_task

from swe_ai_fleet.cli.board import agent_rows, describe
from swe_ai_fleet.domain.check import CheckReport, CheckStatus, Trial
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Checked, Event, Proposed, Ranked
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import CouncilPlan
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.ranking.decide import decide
from swe_ai_fleet.report.page import render_page

TESTER = {"agent_id": "tester-1", "role": "QA", "model": "vllm:tiny"}
HOSTILE = "test_<script>alert(1)</script>.py::test_it"


def story(*, entry_point: str | None = None) -> Story:
    plain = a_task(agents=2, code=entry_point is None)
    plan = CouncilPlan(agents=2, qa=1)
    return Story(plain.model_copy(update={"council": plan, "entry_point": entry_point}))


def qa_says(told: Story, content: str) -> Proposed:
    proposal = Proposal(proposal_id="tester-1.0", round=0, kind="checks", content=content, **TESTER)
    return Proposed(proposal=proposal, **TESTER, **told._common(1))


def ranked(told: Story, events: list[Event]) -> list[Event]:
    ranking = decide(evidence_of(Deliberation.of(events)))
    return [*events, Ranked(ranking=ranking, **told._common(4))]


def tried(*, base: CheckStatus = CheckStatus.FAILED) -> list[Event]:
    told = story()
    cases = {HOSTILE: "failed", "test_b": "passed"}
    trials = [
        Trial.model_validate({"on": "base", "status": base, "cases": cases, "note": "it never ended"}),
        Trial.model_validate({"on": "dev-1.0", "status": "failed", "cases": cases}),
        Trial(on="dev-2.0", status=CheckStatus.PASSED, cases={HOSTILE: "passed", "test_b": "passed"}),
    ]
    applied = base is CheckStatus.FAILED
    report = CheckReport(
        proposal_id="tester-1.0",
        applied=applied,
        reason="" if applied else "it never ended",
        trials=tuple(trials),
    )
    cut = told.cut(["dev-1.0", "dev-2.0"]).model_copy(update={"tried": ("tester-1.0",)})
    return ranked(
        told,
        [
            *(told.requested(), told.started(), told.base(), qa_says(told, "tests")),
            *(told.proposed(0, "one"), told.proposed(1, "two")),
            *(told.checked(0, passed=True, content="one"), told.checked(1, passed=True, content="two")),
            Checked(report=report, **TESTER, **told._common(2)),
            cut,
        ],
    )


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.split("</style>")[1]).split())


def test_the_page_tells_which_proposed_tests_count_and_who_passes_them() -> None:
    page = render_page(tried())
    told = text(page)
    for part in (
        "Passes proposed tests that show the defect 1 of 2 level with the best",
        "1 of 2 proposed tests count; 1 do not fail on the unchanged commit",
        "1 of 2 tests count",
        "counts fails on the unchanged commit; passes on dev-2.0",
        "test_b does not count does not fail on the unchanged commit; passes on dev-1.0, dev-2.0",
    ):
        assert part in told, part
    assert "<script>" not in page


def test_tests_that_cannot_run_say_why() -> None:
    told = text(render_page(tried(base=CheckStatus.TIMEOUT)))
    assert "could not be run" in told
    assert "unchanged commit: it never ended" in told


def test_the_board_tells_what_became_of_proposed_tests() -> None:
    events = tried()
    (event,) = [e for e in events if isinstance(e, Checked) and e.agent_id == "tester-1"]
    assert describe(event) == "tester-1.0 checked: tried on 2 answers"
    assert agent_rows(Deliberation.of(events))[-1].detail == "tried on 2 answers"
    (broken,) = [e for e in tried(base=CheckStatus.ERROR) if getattr(e, "agent_id", "") == "tester-1"][1:]
    assert describe(broken) == "tester-1.0 checked: cannot be run: it never ended"
    useless = event.report.model_copy(update={"trials": (Trial(on="base", status=CheckStatus.PASSED),)})
    assert "nothing fails on the unchanged commit" in describe(event.model_copy(update={"report": useless}))


def functions() -> list[Event]:
    told = story(entry_point="f")
    told.task = told.task.model_copy(update={"description": "Double it.\n>>> f(0)\n0\n"})
    outputs = {"base": {"0": "0"}, "dev-1.0": {"0": "0", "1": "2"}, "dev-2.0": {"0": "0", "1": "1"}}
    rows = [
        Checked(
            report=CheckReport(proposal_id=pid, applied=True, outputs=seen),
            agent_id=pid.removesuffix(".0"),
            role="",
            model="",
            **told._common(2),
        )
        for pid, seen in {**outputs, "tester-1.0": {"1": "2"}}.items()
    ]
    cut = told.cut(["dev-1.0", "dev-2.0"]).model_copy(update={"tried": ("tester-1.0",)})
    answers = [told.proposed(0, "def f(x): return 2 * x"), told.proposed(1, "def f(x): return x")]
    asserts = qa_says(told, "assert f(1) == 2")
    return ranked(told, [told.requested(), told.started(), asserts, *answers, *rows, cut])


def test_the_page_tells_what_functions_returned_and_what_was_expected() -> None:
    told = text(render_page(functions()))
    for part in (
        "task's examples",
        "2 inputs; answers differ on 1; 1 expected output of 1 tester counted as votes",
        "It returned on 2 inputs (0) gives 0 (1) gives 2",
        "It expects on 1 input (1) gives 2",
    ):
        assert part in told, part


def test_the_board_tells_of_functions() -> None:
    events = [event for event in functions() if isinstance(event, Checked)]
    assert describe(events[0]) == "task's examples checked: known on 1 input"
    assert describe(events[1]) == "dev-1.0 checked: known on 2 inputs"
