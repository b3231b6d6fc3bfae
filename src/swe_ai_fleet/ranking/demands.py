"""How far an answer goes into what the task's words demand: outputs they name, and cases it tells apart.

Both are weak evidence, worth a few per cent of agreement: agents that leave a special case out agree with
each other, and the answer that handles it is longer and gives an output that the task names. (Missing corner
cases are among the bug patterns of generated code that Tambon et al. 2024 list.)
"""

import ast
import re
import warnings
from collections.abc import Mapping, Sequence

from swe_ai_fleet.ranking.candidates import Candidate

COVERAGE_WORTH = 0.1
ELABORATION_WORTH = 0.1
_NODES_ENOUGH = 80
_COMMON = 0.1
_QUOTED = re.compile(r"""(?<![\w'"])(["'])([^"'\n]{1,20})\1(?!\w)""")
_NUMBER = re.compile(r"(?i)\b(?:returns?|outputs?|gives?|be|is)\b[^.\n]{0,40}?(?<![\w.])(-?\d+)\b(?!\.\d)")
_WORDS = {
    "None": r"\bNone\b",
    "[]": r"(?i)\bempty (?:list|array)\b|\[\]",
    "''": r"(?i)\bempty string\b",
    "True": r"(?i)\btrue\b",
    "False": r"(?i)\bfalse\b",
}


def wants_none(text: str) -> bool:
    """The task's words or annotations allow None as an output; elsewhere None is an abstention."""
    return re.search(r"\bNone\b|\bOptional\b", text) is not None


def named_outputs(text: str) -> frozenset[str]:
    """Canonical outputs that the task's words name, such as ``-1`` in "return -1 if there is none"."""
    named = {repr(match.group(2)) for match in _QUOTED.finditer(text)}
    named |= {match.group(1) for match in _NUMBER.finditer(text)}
    return frozenset(named | {output for output, words in _WORDS.items() if re.search(words, text)})


def coverage(candidates: Sequence[Candidate], text: str) -> dict[str, float]:
    """By proposal id: the share of the named outputs that it gave on some input.

    Only outputs that at least a tenth of the candidates give are demanded; 0 where there is none.
    """
    given = {candidate.id: frozenset(candidate.outputs.values()) for candidate in candidates}
    named = [
        output
        for output in sorted(named_outputs(text))
        if (givers := sum(output in outputs for outputs in given.values()))
        and givers >= _COMMON * len(candidates)
    ]
    return {
        pid: sum(o in outputs for o in named) / len(named) if named else 0.0 for pid, outputs in given.items()
    }


def elaboration(candidates: Sequence[Candidate]) -> dict[str, float]:
    """By proposal id: the size of its syntax tree, 1 at 80 nodes and above; 0 for what is no Python."""
    sizes = {candidate.key: 0 for candidate in candidates}
    for candidate in candidates:
        if not sizes[candidate.key]:
            sizes[candidate.key] = _size(candidate.proposal.content)
    return {c.id: min(sizes[c.key], _NODES_ENOUGH) / _NODES_ENOUGH for c in candidates}


def demanded(
    agreed: Mapping[str, float], covered: Mapping[str, float], elaborated: Mapping[str, float]
) -> dict[str, float]:
    """Agreement, raised by at most a tenth for each of the two."""
    return {
        pid: share * (1 + COVERAGE_WORTH * covered[pid]) * (1 + ELABORATION_WORTH * elaborated[pid])
        for pid, share in agreed.items()
    }


def _size(content: str) -> int:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content[:65536])
        return sum(1 for _ in ast.walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
