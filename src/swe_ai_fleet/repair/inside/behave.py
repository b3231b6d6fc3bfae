"""What candidates do on inputs that no test has: the same function, the same arguments, every candidate in a fork."""

import asyncio
import copy
import inspect
import itertools
import random
import re
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from .children import Message, Report, cap_memory, in_child
from .compiling import Compiled
from .inputs import Input, Recorder
from .mutants import Domain, mutate, pool_of
from .suites import Suite
from .trials import swapped
from .work import MORE_MEMORY, TooLongError

_ADDRESS = re.compile(r"0x[0-9a-f]+")
_MAX_ITEMS = 1000
_MAX_ENDLESS = 10
_MAX_PARTS = 3000


def observe(
    suite: Suite, function: Any, candidates: Sequence[Compiled], request: Message, report: Report
) -> None:
    """Record the function's inputs in the tests, mutate them, and report what every candidate makes of them.

    Reports ``inputs`` (for each: whether a passing test made it) and for each candidate ``number`` and ``outputs``.
    """
    signal.signal(signal.SIGPROF, _too_long)
    ends = time.monotonic() + request["seconds"]
    inputs = _inputs(suite, function, request, ends)
    if not inputs:
        return
    report({"inputs": [one.from_passing for one in inputs]})
    for compiled in candidates:
        if time.monotonic() > ends:
            return
        outputs: list[str] = []

        def work(tell: Report, compiled: Compiled = compiled) -> None:
            signal.signal(signal.SIGPROF, _too_long)
            cap_memory(MORE_MEMORY)
            with swapped(compiled):
                _answer(function, inputs, request["cpu_s"], tell)

        in_child(
            work,
            wall_s=request["wall_s"],
            receive=partial(_note, outputs),
        )
        report({"number": compiled.number, "outputs": outputs})


def _answer(function: Any, inputs: Sequence[Input], cpu_s: float, tell: Report) -> None:
    """Tell every output; after many calls that did not end, the others are taken not to end either."""
    endless = 0
    for one in inputs:
        output = _output(function, one, cpu_s) if endless < _MAX_ENDLESS else "!time"
        endless += output == "!time"
        tell({"output": output})


def _note(outputs: list[str], message: Message) -> None:
    outputs.append(message.get("output", ""))


def _inputs(suite: Suite, function: Any, request: Message, ends: float) -> list[Input]:
    recorder = Recorder({function.__code__})
    passing = set(request["passing"])

    def begin(index: int) -> None:
        recorder.is_passing = index in passing
        signal.setitimer(signal.ITIMER_PROF, request["test_cpu_s"])
        recorder.start()

    def tell(_index: int, _verdict: str, _error: BaseException | None) -> bool:
        recorder.stop()
        signal.setitimer(signal.ITIMER_PROF, 0)
        return time.monotonic() < ends

    suite.run(request["tests"], begin, tell)
    chance, pool = random.Random(request["seed"]), pool_of(recorder.inputs)  # noqa: S311  # repeatable, not secret
    made: list[Input] = []
    domain = Domain(recorder.inputs)
    for turn in range(4 * request["mutants"]):
        if len(made) >= request["mutants"] or not recorder.inputs:
            break
        with suppress(Exception):  # copying and setting run code under repair
            mutants = mutate(recorder.inputs[turn % len(recorder.inputs)], pool, chance)
            made += [mutant for mutant in mutants if domain.fits(mutant)]
    return [*recorder.inputs, *made]


def _output(function: Any, one: Input, cpu_s: float) -> str:
    """What the call gives and leaves behind in its arguments, as text; ``!`` and the type of an exception."""
    try:
        positional, keywords = copy.deepcopy((one.positional, one.keywords))
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        result = function(*positional, **keywords)
        if inspect.isgenerator(result):
            result = list(itertools.islice(result, _MAX_ITEMS))
        elif inspect.iscoroutine(result):
            result = asyncio.run(result)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return canonical([result, positional, keywords])
    except TooLongError:
        return "!time"
    except BaseException as error:  # noqa: BLE001  # whatever the candidate raises is what it does
        return f"!{type(error).__name__}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def canonical(value: Any) -> str:
    """A text that is equal for values that are equal in structure; sharing and cycles are kept."""
    parts: list[str] = []
    seen: dict[int, int] = {}
    _write(value, parts, seen)
    return " ".join(parts)


def _write(value: Any, parts: list[str], seen: dict[int, int]) -> None:
    if len(parts) > _MAX_PARTS or isinstance(value, int | float | str | bytes | complex | type(None)):
        parts.append(f"{type(value).__name__}:{value!r}"[:200])
        return
    if id(value) in seen:
        parts.append(f"#{seen[id(value)]}")
        return
    seen[id(value)] = len(seen)
    if isinstance(value, list | tuple):
        inner = list(value)
    elif isinstance(value, set | frozenset):
        inner = sorted(value, key=repr)
    elif isinstance(value, dict):
        inner = [part for item in value.items() for part in item]
    else:
        inner = [part for item in sorted(getattr(value, "__dict__", {}).items()) for part in item]
        if not inner:
            parts.append(_ADDRESS.sub("", repr(value))[:200])
    parts.append(f"{type(value).__name__}(")
    for part in inner:
        _write(part, parts, seen)
    parts.append(")")


def _too_long(_signal: int, _frame: Any) -> None:
    raise TooLongError("the call's CPU time is used up")
