"""The cell port in this process, for programs that the tests wrote themselves and that end."""

import ast
from collections.abc import AsyncGenerator, Sequence

from swe_ai_fleet.ports.cells import Call, CellLimits, CellResult, Program


class InProcessCells:
    """Runs nothing untrusted: no limits, no containment."""

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        for number, program in enumerate(programs):
            names: dict[str, object] = {}
            exec(program.source, names)
            for place, call in enumerate(calls):
                yield self._cell(number, place, names[program.entry_point], call)

    def _cell(self, program: int, call: int, function: object, given: Call) -> CellResult:
        assert callable(function)
        arguments = ast.literal_eval(f"({given.arguments},)") if given.arguments else ()
        try:
            value = function(*arguments)
        except (TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError) as error:
            return CellResult(program=program, call=call, status="raised", output=type(error).__name__)
        return CellResult(program=program, call=call, status="ok", output=repr(value), is_none=value is None)
