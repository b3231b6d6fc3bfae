"""Keeping what belongs together in one place, without anybody remembering where that is."""

import hashlib
from collections.abc import Iterable


def by_affinity(key: str, places: Iterable[str]) -> list[str]:
    """The places in the order in which ``key`` prefers them; everybody who asks gets the same.

    Highest random weight (Thaler and Ravishankar 1998): a place that comes or goes moves only the keys that prefer
    it, and each key's second choice is as evenly spread as its first.
    """
    return sorted(places, key=lambda place: (_weight(key, place), place), reverse=True)


def _weight(key: str, place: str) -> bytes:
    return hashlib.blake2b(f"{key}\x1f{place}".encode(), digest_size=8).digest()
