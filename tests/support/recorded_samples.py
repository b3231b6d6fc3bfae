"""A small file of recorded samples: two functions, each with right, popular wrong and broken answers."""

import gzip
import json
from pathlib import Path
from typing import Any

_BIGGER = {
    "task_id": "own/bigger",
    "prompt": 'def bigger(a: int, b: int) -> int:\n    """The bigger of the two."""\n',
    "entry_point": "bigger",
    "candidates": [
        *["    return a if a > b else b\n"] * 4,
        *["    return max(a, b)\n\ndef other():\n    pass\n"] * 2,
        *["    return a\n"] * 3,
        "    raise ValueError\n",
        "    return None\n",
        "    return b\n",
    ],
    "generated_tests": [
        "bigger(1, 2) == 2\nassert bigger(3, 2) == 3",
        "bigger(2, 1) == 1",
        "\n",
        "bigger(5, 5) == 5",
    ],
    "canonical_solution": "    return max(a, b)\n",
    "hidden_test": "def check(f):\n    assert f(1, 2) == 2\n    assert f(7, -7) == 7\n    assert f(0, 0) == 0\n",
}
_TWICE = {
    "task_id": "own/twice",
    "prompt": 'def twice(text):\n    """The text two times.\n\n    >>> twice(\'ab\')\n    \'abab\'\n    """\n',
    "entry_point": "twice",
    "candidates": [
        *["    return text * 2\n"] * 3,
        *["    return text + ' ' + text\n"] * 3,
        *["    return 2\n"] * 6,
    ],
    "generated_tests": ["twice('') == ''", "twice('a') == 'aa'"],
    "canonical_solution": "    return text + text\n",
    "hidden_test": "def check(f):\n    assert f('x') == 'xx'\n    assert f('') == ''\n",
}


def write_samples(folder: Path, **changes: Any) -> Path:
    """The file; ``changes`` are made to every line."""
    path = folder / "samples.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as out:
        for row in (_BIGGER, _TWICE):
            out.write(json.dumps({**row, **changes}) + "\n")
    return path
