"""What agents bring is shown, not obeyed."""

from swe_ai_fleet.report.printable import one_line, printable


def test_a_terminal_gets_no_escape_sequences() -> None:
    assert printable("\x1b]0;title\x07 \x1b[2J\x9b31m") == "\\x1b]0;title\\x07 \\x1b[2J\\x9b31m"


def test_text_cannot_turn_its_own_direction_around() -> None:
    assert printable("a\u202eb\u2066c\ufeff") == "a\\u202eb\\u2066c\\ufeff"


def test_a_carriage_return_cannot_overwrite_the_line() -> None:
    assert printable("good\rbad") == "good\\x0dbad"
    assert printable("one\r\ntwo") == "one\ntwo"


def test_ordinary_text_stays() -> None:
    text = "naïve 数 😀\n\tindented"
    assert printable(text) == text


def test_lone_surrogates_can_be_printed() -> None:
    assert printable("\ud83d").encode() == b"\\ud83d"


def test_one_line_is_cut_with_a_mark() -> None:
    assert one_line("a  b\nc", 10) == "a b c"
    assert one_line("abcdefghij", 5) == "abcd…"
