"""What the doctor finds."""

from typing import Literal

from swe_ai_fleet.domain.value import Value


class Finding(Value):
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    """What was found."""
    fix: str = ""
    """The command or setting that mends it."""
