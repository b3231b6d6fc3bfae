"""Untrusted text between marks that it cannot close from inside."""

import hashlib
import re
import unicodedata

_NONCE_DIGITS = 16
_STEERING = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|<[\uff5c][^<>\s]{1,40}[\uff5c]>|\[/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|<</?SYS>>|</?s>|</?(?:start|end)_of_turn>|</?think(?:ing)?>",
    re.IGNORECASE,
)
"""Marks by which model families tell turns and roles apart; a server may read them as such wherever they stand."""
_KEPT_CONTROLS = "\n\t"


def fenced(kind: str, text: str) -> str:
    """``text`` between a begin and an end mark that carry a nonce of its own.

    The nonce is a digest of the text, so that equal texts are fenced by equal bytes (prompts share their prefix),
    and whoever writes the text would have to find 64 bits of its own digest to close it.
    """
    nonce = _nonce(kind, text)
    return f"[[begin {kind} {nonce}]]\n{text.rstrip()}\n[[end {kind} {nonce}]]"


def _nonce(kind: str, text: str) -> str:
    for attempt in range(2**16):
        digest = hashlib.sha256(f"{kind}\x1f{attempt}\x1f{text}".encode("utf-8", "replace")).hexdigest()
        if digest[:_NONCE_DIGITS] not in text:
            return digest[:_NONCE_DIGITS]
    msg = "a text that holds 65536 digests of itself"
    raise ValueError(msg)


def defused(text: str) -> str:
    """The same text, with the marks that steer models made harmless, and without characters that cannot be seen."""
    seen = "".join(c for c in text if c in _KEPT_CONTROLS or unicodedata.category(c) not in ("Cc", "Cf"))
    return _STEERING.sub(lambda found: found[0].replace("<", "\u2039").replace("[", "\u27e6"), seen)


def cut_middle(text: str, limit_bytes: int) -> str:
    """At most ``limit_bytes`` of UTF-8: the beginning and the end, with a line between them that says so."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit_bytes:
        return text
    mark = "\n[... left out ...]\n"
    kept = max(0, limit_bytes - len(mark))
    head, tail = raw[: (kept + 1) // 2], raw[len(raw) - kept // 2 :]
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")


def foreign(kind: str, text: str, limit_bytes: int) -> str:
    """What another agent wrote, or what its answer printed: cut, defused and between marks."""
    return fenced(kind, cut_middle(defused(text), limit_bytes))
