"""``swe-fleet`` and ``python -m swe_ai_fleet``."""

import sys


def main() -> int:
    """Run the command line; returns its exit code."""
    from swe_ai_fleet.cli.main import main as run  # noqa: PLC0415  # nothing is loaded by importing this module

    return run()


if __name__ == "__main__":
    sys.exit(main())
