"""Untrusted text stays between its marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_ai_fleet.orchestrator.agents.delimiters import cut_middle, fenced


@given(st.text())
def test_a_text_cannot_close_its_own_fence(text: str) -> None:
    shown = fenced("task", text)
    end = shown.rpartition("\n")[2]
    assert shown.count(end) == 1
    assert end.startswith("[[end task ")


def test_a_text_that_copies_a_fence_gets_another_one() -> None:
    shown = fenced("task", "harmless")
    copied = fenced("task", shown)
    assert shown in copied
    assert shown.rpartition("\n")[2] != copied.rpartition("\n")[2]


def test_equal_texts_are_fenced_equally() -> None:
    assert fenced("file", "x = 1") == fenced("file", "x = 1")
    assert fenced("file", "x = 1") != fenced("task", "x = 1")


@given(st.text(), st.integers(min_value=25, max_value=200))
def test_a_cut_text_fits(text: str, limit: int) -> None:
    assert len(cut_middle(text, limit).encode("utf-8", "replace")) <= limit


@pytest.mark.parametrize("text", ["short", "ä" * 5])
def test_what_fits_is_left_alone(text: str) -> None:
    assert cut_middle(text, 10) == text


def test_a_cut_text_keeps_both_ends_and_says_so() -> None:
    cut = cut_middle("first line" + "x" * 1000 + "last line", 80)
    assert cut.startswith("first line")
    assert cut.endswith("last line")
    assert "left out" in cut
