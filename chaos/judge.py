"""``python -m chaos.judge FOLDER URL [URL ...]``: the verdict on one stage as JSON, in a process without the fleet."""

import asyncio
import json
import sys
from pathlib import Path

from chaos.checker import gather_evidence, violations
from chaos.figures import figures


async def _main(folder: Path, urls: list[str]) -> None:
    evidence = await gather_evidence(folder, urls)
    print(json.dumps({"violations": violations(evidence), **figures(evidence)}))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2:]))
