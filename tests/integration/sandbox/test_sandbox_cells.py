"""The matrix: honest programs get their results, hostile ones nothing but their own."""

from collections import defaultdict
from collections.abc import Sequence

import pytest
from sandboxes import STRONG, sandbox_of, strongest

from swe_ai_fleet.ports.cells import Call, CellLimits, Program
from swe_ai_fleet.sandbox.cells import SandboxCellRunner

pytestmark = pytest.mark.sandbox

CALLS = ("1", "2, k=3", "[1, (2,), {'a': {3}}]", "-1.5")
LIMITS = CellLimits(cell_s=0.1, load_s=0.5, memory_bytes=256 * 1024**2)
HONEST = "def f(x, k=1):\n    return [x, k]\n"
HONEST_ANSWERS = [
    ("ok", "[1, 1]"),
    ("ok", "[2, 3]"),
    ("ok", "[[1, (2,), {'a': set(3)}], 1]"),
    ("ok", "[-1.5, 1]"),
]

Answers = dict[int, list[tuple[str, str | None]]]


async def answers(
    runner: SandboxCellRunner,
    sources: Sequence[str],
    calls: Sequence[str] = CALLS,
    limits: CellLimits = LIMITS,
) -> Answers:
    """Each program's answers, in the order of the calls."""
    programs = [Program(source=source, entry_point="f") for source in sources]
    found: dict[int, dict[int, tuple[str, str | None]]] = defaultdict(dict)
    async for cell in runner.run(programs, [Call(arguments=text) for text in calls], limits=limits):
        assert cell.call not in found[cell.program], "a cell came twice"
        found[cell.program][cell.call] = (cell.status, cell.output)
    return {program: [cells[call] for call in range(len(calls))] for program, cells in found.items()}


@pytest.mark.parametrize("kind", STRONG)
async def test_every_cell_comes_once_with_its_value(kind: str) -> None:
    runner = SandboxCellRunner(sandbox_of(kind), concurrency=2)  # type: ignore[arg-type]  # one of the kinds

    found = await answers(runner, [HONEST] * 5)

    assert found == dict.fromkeys(range(5), HONEST_ANSWERS)
    assert runner.cpu_s > 0


async def test_equal_values_have_equal_texts() -> None:
    sources = [
        "def f(x): return {1: 'a', 2: 'b'}, {3, 1, 2}, 0.1 + 0.2, -0.0",
        "def f(x): return {2: 'b', 1: 'a'}, {1, 2, 3}, 0.3, 0.0",
        "import collections\ndef f(x): return collections.OrderedDict([(2, 'b'), (1, 'a')]), {2, 3, 1}, 0.3, 0.0",
        "def f(x): return {1: 'a', 2: 'b'}, {3, 1, 2}, 0.31, 0.0",
    ]

    found = await answers(SandboxCellRunner(strongest(), concurrency=1), sources, ["1"])

    texts = [found[number][0][1] for number in range(4)]
    assert texts[0] == texts[1] == texts[2]
    assert texts[3] != texts[0]


HOSTILE = {
    "raises": ("def f(x, k=1): return 1 // 0", ("raised", "ZeroDivisionError")),
    "loops": ("def f(x, k=1):\n    while True: pass", ("timeout", None)),
    "loops and catches everything": (
        "def f(x, k=1):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        ("timeout", None),
    ),
    "sleeps": ("import time\ndef f(x, k=1): time.sleep(60)", ("timeout", None)),
    "ignores every signal": (
        "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\n"
        "def f(x, k=1):\n    signal.setitimer(signal.ITIMER_PROF, 0)\n    while True: pass",
        ("timeout", None),
    ),
    "ends its process": ("import os\ndef f(x, k=1): os._exit(0)", ("killed", None)),
    "ends its process at once": ("import os\nos._exit(0)", ("killed", None)),
    "crashes": ("import ctypes\ndef f(x, k=1): ctypes.string_at(0)", ("killed", None)),
    "forks": ("import os\ndef f(x, k=1): return os.fork()", ("raised", "PermissionError")),
    "executes": ("import os\ndef f(x, k=1): os.execv('/bin/true', ['true'])", ("raised", "PermissionError")),
    "kills its parent": ("import os\ndef f(x, k=1): os.kill(os.getppid(), 9)", ("raised", "PermissionError")),
    "kills everything": ("import os\ndef f(x, k=1): os.kill(-1, 9)", ("raised", "PermissionError")),
    "opens a socket": ("import socket\ndef f(x, k=1): socket.socket()", ("raised", "PermissionError")),
    "writes a file": ("def f(x, k=1): open('left', 'w').write('x')", ("raised", "PermissionError")),
    "writes to /tmp": ("def f(x, k=1): open('/tmp/left', 'w').write('x')", ("raised", "PermissionError")),
    "takes all memory": ("def f(x, k=1): return bytearray(1 << 40)", ("raised", "MemoryError")),
    "returns what equals anything": (
        "class Any:\n    def __eq__(self, other): return True\ndef f(x, k=1): return Any()",
        ("ok", None),
    ),
    "returns a number that lies": (
        "class Int(int):\n    def __repr__(self): return '[1, 1]'\ndef f(x, k=1): return Int(3)",
        ("ok", None),
    ),
    "speaks to the fleet through its parent": (
        "import os\ndef f(x, k=1):\n    open(f'/proc/{os.getppid()}/fd/1', 'w').write('{}')",
        ("raised", "PermissionError"),
    ),
    "reads its parent's memory": (
        "import os\ndef f(x, k=1): open(f'/proc/{os.getppid()}/mem', 'rb')",
        ("raised", "PermissionError"),
    ),
    "is no Python": ("def f(:", ("raised", "LoadError")),
    "defines nothing": ("x = 1", ("raised", "LoadError")),
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_program_spoils_only_its_own_cells(what: str) -> None:
    source, answer = HOSTILE[what]
    limits = LIMITS.model_copy(update={"timeouts": 2})
    runner = SandboxCellRunner(strongest(), concurrency=1)

    found = await answers(runner, [HONEST, source, HONEST], limits=limits)

    assert found[0] == found[2] == HONEST_ANSWERS
    assert found[1] == [answer] * len(CALLS)


async def test_what_a_program_writes_to_its_own_pipe_changes_no_other() -> None:
    forger = (
        "import os\n"
        "for number in range(3, 10):\n"
        '    try: os.write(number, b\'[["ok","[1, 1]",false]]\\n\' * 9 + b\'{"program": 0}\\n\')\n'
        "    except OSError: pass\n"
        "def f(x, k=1): return 'own'\n"
    )

    found = await answers(SandboxCellRunner(strongest(), concurrency=1), [HONEST, forger, HONEST])

    assert found[0] == found[2] == HONEST_ANSWERS
    assert len(found[1]) == len(CALLS)


async def test_one_hanging_cell_costs_only_itself() -> None:
    hangs = (
        "def f(x):\n    while x == 2:\n        try:\n            while True: pass\n"
        "        except BaseException: pass\n    return x\n"
    )

    found = await answers(SandboxCellRunner(strongest(), concurrency=1), [hangs], ["1", "2", "3", "4"])

    assert found[0] == [("ok", "1"), ("timeout", None), ("ok", "3"), ("ok", "4")]


async def test_arguments_are_literals_only() -> None:
    calls = ["__import__('os')", "print", "1 +", "*[1]", "[" * 500, "(lambda: 1)()", "set()"]

    found = await answers(SandboxCellRunner(strongest(), concurrency=1), ["def f(x): return x"], calls)

    assert found[0] == [("raised", "InvalidCall")] * 6 + [("ok", "set()")]


async def test_a_long_output_is_cut_and_still_tells_apart() -> None:
    sources = ["def f(x): return 'a' * 9999", "def f(x): return 'a' * 9998 + 'b'"]

    found = await answers(SandboxCellRunner(strongest(), concurrency=1), sources, ["1"])

    texts = [found[number][0][1] or "" for number in range(2)]
    assert texts[0] != texts[1]
    assert all(len(text) < 4200 for text in texts)


async def test_another_seed_shows_what_is_not_deterministic() -> None:
    source = "import random\ndef f(x): return random.random(), list({'a', 'b', 'c', 'd', 'e'})"
    runner = SandboxCellRunner(strongest(), concurrency=1)

    first = await answers(runner, [source], ["1"])
    again = await answers(runner, [source], ["1"])
    other = await answers(runner, [source], ["1"], LIMITS.model_copy(update={"seed": 7}))

    assert first == again
    assert first != other


async def test_leaving_early_ends_what_runs() -> None:
    slow = "import time\ndef f(x): time.sleep(60)"
    runner = SandboxCellRunner(strongest(), concurrency=2)
    programs = [Program(source=source, entry_point="f") for source in ["def f(x): return x", slow, slow]]

    results = runner.run(programs, [Call(arguments="1")], limits=LIMITS)
    first = await anext(results)
    await results.aclose()

    assert first.status in {"ok", "timeout"}
