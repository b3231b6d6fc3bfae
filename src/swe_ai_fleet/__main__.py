"""``swe-fleet`` and ``python -m swe_ai_fleet``."""

import sys


def main() -> int:
    """Run the command line; returns its exit code."""
    # nothing is loaded by importing this module
    from swe_ai_fleet.cli.streams import open_closed_streams  # noqa: PLC0415

    open_closed_streams()
    from swe_ai_fleet.cli.main import main as run  # noqa: PLC0415

    return run()


if __name__ == "__main__":
    sys.exit(main())
