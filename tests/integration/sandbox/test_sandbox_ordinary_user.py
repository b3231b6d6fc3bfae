"""Containment needs no privileges: an ordinary user gets it as well."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import swe_ai_fleet

pytestmark = pytest.mark.sandbox

NOBODY = "65534"
SYSTEM_PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
PROGRAM = """
import asyncio, json, sys
from swe_ai_fleet.sandbox.options import SandboxOptions
from swe_ai_fleet.sandbox.selection import choose_sandbox
from swe_ai_fleet.sandbox.self_check import self_check
sandbox = choose_sandbox(SandboxOptions())
attempts = asyncio.run(self_check(sandbox))
print(json.dumps({"containment": sandbox.containment, "open": [a.name for a in attempts if not a.held]}))
"""


def test_an_ordinary_user_is_held_as_well(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("the other tests have shown it; to see it here: sudo make integration")
    if not Path(SYSTEM_PYTHON).exists() or shutil.which("setpriv") is None:
        pytest.skip(f"needs {SYSTEM_PYTHON} and setpriv: apt-get install python3 util-linux")
    source = str(Path(swe_ai_fleet.__file__).parents[1])
    path = f"{source}:{sysconfig.get_path('purelib')}"
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    can_import = [*as_nobody, SYSTEM_PYTHON, "-c", "import swe_ai_fleet.sandbox.selection"]
    env = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    if subprocess.run(can_import, env=env, cwd="/", capture_output=True, check=False).returncode != 0:
        pytest.skip(f"nobody may not read this checkout: chmod -R a+rX {source}")

    done = subprocess.run(
        [*as_nobody, SYSTEM_PYTHON, "-c", PROGRAM], env=env, cwd="/", capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert json.loads(done.stdout)["open"] == []
