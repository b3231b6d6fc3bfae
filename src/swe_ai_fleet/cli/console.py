"""Where commands write for people."""

import sys

from rich.console import Console

from swe_ai_fleet.cli.streams import ReaderLeftError, silence


class PipedConsole(Console):
    """Stdout or stderr, whose reader may leave."""

    def on_broken_pipe(self) -> None:
        """The work goes on without those who looked on.

        Raises:
            ReaderLeftError: of stdout.
        """
        if not self.stderr:
            raise ReaderLeftError
        self.quiet = True
        silence(sys.stderr)
