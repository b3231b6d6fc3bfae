"""From edits of the text to code that can be put into what is imported."""

import sys
import types
import warnings
from pathlib import Path
from typing import Any

from .edited import FileEdits, read_source
from .swap import Edit, Functions, Module, Swap, Unit, Unswappable, shape, swaps_of

_Shaped = tuple[tuple[Any, ...], ...]


class Compiled:
    """A candidate that is ready to be tried."""

    def __init__(self, number: int, edits: FileEdits, on_disk: FileEdits, swaps: list[Swap]) -> None:
        self.number = number
        self.edits = edits
        self.on_disk = on_disk
        """Edits of files that are not imported yet: they are read when a test imports them."""
        self.swaps = swaps


class Compiler:
    """Compiles candidates; remembers what they do, so that the same is not tried twice."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._functions = Functions(f"{root}/")
        self._imported = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        self._modules: dict[str, Module] = {}
        self._seen: set[int] = set()

    def compile(self, number: int, edits: FileEdits, *, once: bool) -> Compiled | str:
        """The candidate, or the verdict that there is nothing to try: same, bad or fresh."""
        on_disk = {f: spans for f, spans in edits.items() if str(self._root / f) not in self._imported}
        try:
            swaps, shapes = self._swaps({f: spans for f, spans in edits.items() if f not in on_disk})
        except Unswappable:
            return "fresh"
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return "bad"
        if not on_disk:
            key = hash(shapes)
            if not swaps or (once and key in self._seen):
                return "same"
            self._seen.add(key)
        return Compiled(number, edits, on_disk, swaps)

    def function_around(self, file: str, edits: list[Edit]) -> types.FunctionType | None:
        """The living outermost function that holds these edits, if there is exactly one."""
        try:
            module = self._module(file)
            unit = module.unit_around(edits)
        except (Unswappable, OSError, SyntaxError):
            return None
        living = self._functions.at(module.path, unit.node.name, unit.first_line)
        return living[0] if len(living) == 1 else None

    def _swaps(self, edits: FileEdits) -> tuple[list[Swap], _Shaped]:
        """Swaps that differ from what lives now, and the shapes of the edited functions."""
        swaps: list[Swap] = []
        shapes: list[tuple[Any, ...]] = []
        for file, spans in edits.items():
            module = self._module(file)
            by_unit: dict[int, tuple[Unit, list[Edit]]] = {}
            for span in spans:
                unit = module.unit_around([span])
                by_unit.setdefault(unit.start, (unit, []))[1].append(span)
            for unit, unit_spans in by_unit.values():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    code = module.compile_unit(unit, unit_spans)
                found = swaps_of(self._functions, module.path, unit, code)
                shaped = shape(code)
                if shape(found[0][0].__code__) != shaped:
                    swaps += found
                    shapes.append((file, unit.start, shaped))
        return swaps, tuple(shapes)

    def _module(self, file: str) -> Module:
        module = self._modules.get(file)
        if module is None:
            path = self._root / file
            module = self._modules[file] = Module(str(path), read_source(path))
        return module
