"""When Python looks for cyclic garbage, in processes that hold many deliberations at once."""

import gc
from typing import Literal

_LEAST, _MOST = 50_000, 1_000_000
_OLDER = (20, 100)
_WORTH_IT = 20


def collect_seldom() -> None:
    """Look for cyclic garbage the more seldom the less of it there is, from now on in this process.

    A deliberation leaves none, and a few hundred objects that live as long as it does: looking at all of them as often
    as Python does costs a fifth of its time. Every look that finds less than a twentieth of the objects made since the
    last one doubles the number after which the next comes, up to a million; one that finds more begins anew.
    """
    gc.set_threshold(_LEAST, *_OLDER)
    if _pace not in gc.callbacks:
        gc.callbacks.append(_pace)


def _pace(phase: Literal["start", "stop"], found: dict[str, int]) -> None:
    if phase == "stop":
        young = gc.get_threshold()[0]
        is_worth_it = found["collected"] * _WORTH_IT > young
        gc.set_threshold(_LEAST if is_worth_it else min(2 * young, _MOST), *_OLDER)
