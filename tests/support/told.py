"""A whole deliberation of two rounds, for whatever shows one."""

from datetime import timedelta

from story import T0, Story, task

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Closed, Event, Ranked
from swe_ai_fleet.domain.outcome import Refused, TimedOut
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.orchestrator.usecases.result import build_result
from swe_ai_fleet.ranking.decide import decide

PATCH = """\
diff --git a/stock.py b/stock.py
--- a/stock.py
+++ b/stock.py
@@ -1,2 +1,2 @@
 def free(day, last):
-    return day >= last
+    return day > last
"""


def whole_story(*, content: str = PATCH, other: str = "other", reason: str = "nothing found") -> list[Event]:
    """Six agents: two agree and pass, one fails and revises, one refuses, one is late, one is silent."""
    told = Story(task(agents=6, rounds=1))
    events: list[Event] = [
        told.requested(),
        told.started(),
        told.base(),
        told.proposed(0, content, tokens=1200),
        told.proposed(1, content, at=1.5, tokens=800),
        told.proposed(2, other, tokens=70),
        told.checked(0, passed=True, content=content, at=1.9),
        told.checked(1, passed=True, content=content, at=2.4),
        told.checked(2, passed=False, content=other, at=2.2),
        told.failed(3, Refused(reason=reason)),
        told.failed(4, TimedOut(after_s=100)),
        told.cut(["dev-1.0", "dev-2.0", "dev-3.0"]),
        told.critiqued(0, 2),
        told.critiqued(1, 2, verdict="reject"),
        told.revised(2, "better", at=5),
        told.checked(2, passed=False, content="better", round_=1, at=6),
        told.cut(["dev-3.1"], round_=1),
    ]
    ranking = decide(evidence_of(Deliberation.of(events)))
    common = told.cancelled().model_dump(exclude={"type", "reason", "time", "round"})
    events.append(Ranked(ranking=ranking, round=1, time=T0 + timedelta(seconds=7), **common))
    closed_at = T0 + timedelta(seconds=7.2)
    result = build_result(Deliberation.of(events), ranking, closed_at=closed_at)
    return [*events, Closed(outcome=result.outcome, result=result, time=closed_at, **common)]
