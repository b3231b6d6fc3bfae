"""Addresses as people may see them."""

import re

_LOGIN = re.compile(r"(?:(?<=://)|^)(?:(?!://).)*@", re.DOTALL)
_QUERY = re.compile(r"[?#][^,]*")


def shown_address(text: str) -> str:
    """One address, or several joined by commas, valid or not: without what is before an ``@``, and without a query."""
    return _QUERY.sub("", _LOGIN.sub("", text))
