import pytest

from swe_ai_fleet.ranking.normalise import answer_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n    return x+1", "def f(x):  # successor\n    return (x + 1)\n"),
        ("def f(x):\n    '''One.'''\n    return x", "def f(x):\n    return x"),
        ("Here it is:\n```python\nx = 1\n```\nEnjoy.", "x = 1"),
        ("```\nx = 1\n```\n```never closed\n", "x = 1"),
        ("Use a queue.", "  Use a\n\tqueue. "),
    ],
)
def test_the_same_answer(one: str, other: str) -> None:
    assert answer_key(one) == answer_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n    return x+1", "def f(x):\n    return x+2"),
        ("Use a queue.", "Use a log."),
        ("yes", "Yes, but no"),
        ("", "pass"),
        ("x = 'a  b'", "x = 'a b'"),
    ],
)
def test_another_answer(one: str, other: str) -> None:
    assert answer_key(one) != answer_key(other)


def test_equal_patches_are_the_same_answer_whatever_was_said_around_them() -> None:
    assert answer_key("first", patch_key="k") == answer_key("second", patch_key="k")


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "content",
    ["(" * 50_000, "```a\n" * 13_000, "-" * 60_000 + "1", "\x00", "x = " + "9" * 60_000, "\\d = '\\d'"],
)
def test_hostile_text_is_compared_as_text(content: str) -> None:
    assert answer_key(content) == answer_key(f" {content}\n")
