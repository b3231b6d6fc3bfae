"""How untrusted code is to be held."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from swe_ai_fleet.domain.value import Value

Kind = Literal["auto", "bubblewrap", "namespaces", "landlock", "seatbelt", "none"]


class SandboxOptions(Value):
    """``FLEET_SANDBOX__*``."""

    kind: Kind = "auto"
    """``auto`` takes the strongest that works here: bubblewrap, namespaces, landlock."""
    allow_weak: bool = False
    """Go on with weak containment (seatbelt on macOS, else none) where nothing strong works. Every result says so."""
    virtual_env: Path | None = None
    """A virtual environment whose commands come first on the sandbox's PATH; readable inside."""
    readable: tuple[Path, ...] = ()
    """Further folders that untrusted code may read, such as ``/opt``. Never put secrets there."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Checks that run at once in one process; the number of CPUs where it is left out."""
