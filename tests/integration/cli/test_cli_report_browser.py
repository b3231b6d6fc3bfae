"""The report in a real browser: it fits a phone, runs nothing, and opens without the network."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chromium import CHROMIUM, MISSING, Page, open_page
from told import PATCH, whole_story

from swe_ai_fleet.report.page import render_page

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason=MISSING)]

LONG = PATCH.replace("day > last", "day > last" + "_and_a_very_long_name" * 20)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with open_page() as page:
        yield page


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(render_page(whole_story(content=LONG, other="word" * 300, reason="x" * 400)))
    return path


@pytest.mark.parametrize("width", [360, 768, 1280])
async def test_nothing_is_wider_than_the_screen(page: Page, report: Path, width: int) -> None:
    await page.show(report, width=width)
    await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    text = await page.evaluate(
        "Math.min(...[...document.querySelectorAll('p, td, li, pre, span')]"
        ".filter(each => each.innerText?.trim() && each.offsetParent)"
        ".map(each => parseFloat(getComputedStyle(each).fontSize)))"
    )
    assert text >= 12


@pytest.mark.parametrize("dark", [False, True])
async def test_text_stands_out_from_its_ground(page: Page, report: Path, *, dark: bool) -> None:
    await page.show(report, width=768, dark=dark)
    await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    pairs = await page.evaluate(
        """[...document.querySelectorAll('p, td, th, li, pre span, .badge, b, dt, summary')].map(each => {
          let ground = each;
          while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)' && ground.parentElement)
            ground = ground.parentElement;
          return [getComputedStyle(each).color, getComputedStyle(ground).backgroundColor];
        })"""
    )
    assert min(contrast(*pair) for pair in pairs) >= 4.5


async def test_the_winner_is_open_and_the_rest_is_one_click_away(page: Page, report: Path) -> None:
    await page.show(report, width=1280)
    assert await page.evaluate("document.querySelectorAll('details.card[open]').length") == 1
    assert await page.evaluate("document.querySelector('details.card[open] b').innerText") == "dev-2.0"
    assert await page.evaluate("document.title") == "reorder: decided"


async def test_hostile_answers_run_nothing(page: Page, tmp_path: Path) -> None:
    hostile = "</pre><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    path = tmp_path / "hostile.html"
    path.write_text(render_page(whole_story(content=hostile, other=hostile + "2", reason=hostile)))
    await page.show(path, width=768)
    assert await page.evaluate("document.title") == "reorder: decided"
    assert await page.evaluate("document.scripts.length + document.images.length") == 0


def contrast(color: str, ground: str) -> float:
    """The ratio of the Web Content Accessibility Guidelines, 1 to 21."""
    brighter, darker = sorted((luminance(color), luminance(ground)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    channels = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
