"""The record of a test run: one line a fact, each sealed, so that printing or writing a file forges nothing.

Where it goes, and the key of the seals, come in ``FLEET_VERDICT``. A test runner takes it out of its environment
when it starts, before any code of the repository.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os

VARIABLE = "FLEET_VERDICT"
_TAKEN: list[str] = []


class Record:
    """Appends sealed lines to the record. Lines are numbered within one process, so that none can be dropped."""

    def __init__(self, place: str, key: str) -> None:
        self._place = place
        self._key = key.encode()
        self._session = os.urandom(8).hex()
        self._count = 0
        self._pid = os.getpid()

    @classmethod
    def take(cls) -> None:
        """Take the variable out of the environment, and keep it for one call of :meth:`given`."""
        given = os.environ.pop(VARIABLE, "")  # noqa: TID251  # not a process of the fleet
        if given:
            _TAKEN[:] = [given]

    @classmethod
    def given(cls) -> Record | None:
        """The record that this run was given, or None; a second call finds none."""
        cls.take()
        key, _, place = (_TAKEN.pop() if _TAKEN else "").partition(":")
        return cls(place, key) if place else None

    def add(self, **facts: object) -> None:
        """Add one line; a forked child adds nothing."""
        if os.getpid() != self._pid:
            return
        body = json.dumps({"session": self._session, "line": self._count, **facts}, sort_keys=True)
        seal = hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()
        self._count += 1
        descriptor = os.open(self._place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, f"{seal} {body}\n".encode())
        finally:
            os.close(descriptor)
