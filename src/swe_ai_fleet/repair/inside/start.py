"""The program that the sandbox starts: loads its own folder under a name nobody else uses, and serves."""

import importlib
import importlib.util
import sys
from pathlib import Path

_NAME = "fleet_repair_inside"


def load() -> None:
    """Make the modules of this folder importable without adding the folder to ``sys.path``."""
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"{folder} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    if sys.argv[1:2] == ["cwd"]:
        sys.path[0] = str(Path.cwd())  # like `python -m`
    else:
        del sys.path[0]  # like an installed command
    load()
    importlib.import_module(f"{_NAME}.serve").main()
