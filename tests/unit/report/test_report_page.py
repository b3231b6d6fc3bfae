"""The page tells the deliberation, and obeys nothing of what it tells."""

import random
import re
from html.parser import HTMLParser

import pytest
from story import Story, task
from told import whole_story

from swe_ai_fleet.domain.events import Critiqued, Event
from swe_ai_fleet.domain.review import Ballot, Showing
from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.report.markup import Html, el, joined
from swe_ai_fleet.report.page import render_page

VOID = {"br", "meta"}
HOSTILE = (
    "</pre></details><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    '"onload="alert(1)&lt;script&gt;\x00\x1b[31m\u202e'
)


class Outline(HTMLParser):
    """Every element, and whether each is closed in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.split("</style>")[1]).split())


def test_the_page_tells_who_won_and_why() -> None:
    told = text(render_page(whole_story()))
    for part in (
        "decided",
        "dev-2.0 winner, by vllm:tiny",
        "repairs all 1 failures of the base",
        "Repairs what failed before 2 of 4 go on",
        "100% of the votes winning group",
        "The same patch as dev-2.0.",
        "Said by 2 peers dev-1 revise 40% likely right dev-2 reject",
        "dev-4 vllm:tiny refused nothing found",
        "dev-5 vllm:tiny timed out",
        "4 requests, 0 prompt tokens (0 from the server's cache), 2,070 completion tokens.",
        "+ return day &gt; last",
    ):
        assert part in told, part


def test_it_is_one_document_without_scripts_and_without_addresses() -> None:
    page = render_page(whole_story())
    found = outline(page)
    assert {"script", "link", "img", "iframe"}.isdisjoint(found.tags)
    assert {"src", "href", "onclick"}.isdisjoint(found.attributes)
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src &#x27;none&#x27;" in page


def test_what_agents_bring_stays_text() -> None:
    plain = outline(render_page(whole_story()))
    page = render_page(whole_story(content=HOSTILE, other=HOSTILE + "2", reason=HOSTILE))
    hostile = outline(page)
    assert set(hostile.tags) == set(plain.tags)
    assert hostile.attributes == plain.attributes
    assert "\x00" not in page
    assert "\u202e" not in page
    assert "\\u202e" in page


def test_the_order_and_the_duplication_of_events_do_not_matter() -> None:
    events = whole_story()
    shuffled = [*events, *events[3:6]]
    random.Random(3).shuffle(shuffled)
    assert render_page(shuffled) == render_page(events)


@pytest.mark.parametrize("end", range(1, 19))
def test_every_beginning_of_a_deliberation_has_a_page(end: int) -> None:
    events = whole_story()[:end]
    page = render_page(events)
    outline(page)
    assert "still open" in page


def test_a_text_only_task_has_a_page() -> None:
    told = Story(task(code=False))
    events: list[Event] = [
        told.requested(),
        told.started(),
        told.proposed(0, "Use an outbox."),
        told.cut(["dev-1.0"]),
    ]
    assert "Use an outbox." in render_page(events)


def test_without_a_request_there_is_nothing_to_show() -> None:
    with pytest.raises(RecordNotFoundError):
        render_page(whole_story()[1:])


def test_elements_escape_text_and_attributes() -> None:
    assert (
        el("p", "<b>", ["&", el("b", 12345)], None, title='"<')
        == '<p title="&quot;&lt;">&lt;b&gt;&amp;<b>12,345</b></p>'
    )
    assert el("details", open=True) == "<details open></details>"
    assert el("meta", http_equiv="x", name=None) == '<meta http-equiv="x">'


def test_markup_that_was_added_up_is_text_again() -> None:
    assert not isinstance(el("b", "x") + "<i>", Html)
    assert joined([el("b", "x") + "<i>"]) == "&lt;b&gt;x&lt;/b&gt;&lt;i&gt;"


def test_judges_have_a_line_each_and_one_that_is_switched_off_says_why() -> None:
    told = Story(task(code=False))
    proposed = [told.proposed(n) for n in range(3)]

    def judged(index: int, one: str, other: str, *preferred: str) -> Critiqued:
        judge = f"dev-{index + 1}"
        shown = [(one, other), (other, one)]
        ballots = [
            Ballot.model_validate(
                {"showing": Showing(judge=judge, first=first, second=second), "preferred": said}
            )
            for (first, second), said in zip(shown, preferred, strict=True)
        ]
        event = told.critiqued(index, (index + 1) % 3)
        return event.model_copy(update={"critiques": (), "ballots": tuple(ballots)})

    events: list[Event] = [
        told.requested(),
        told.started().model_copy(update={"judges": {"dev-1": 1.5}}),
        *proposed,
        told.cut(["dev-1.0", "dev-2.0", "dev-3.0"]),
        judged(0, "dev-2.0", "dev-3.0", "first", "first"),
        judged(1, "canary.order", "dev-3.0", "first", "second"),
    ]
    page = render_page(events)
    outline(page)
    shown = text(page)
    assert "dev-1 vllm:tiny 1 100% 0% 1.5 yes" in shown
    assert "dev-2 vllm:tiny 1 0% 0% 1 no it prefers the planted answer canary.order" in shown
    assert "Judges" not in text(render_page(whole_story()))
