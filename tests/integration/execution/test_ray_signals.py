"""What SIGTERM does to a driver of Ray."""

import asyncio
import sys

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow]
DRIVER = """\
import asyncio, os, signal
from swe_ai_fleet.local.ray_cluster import open_ray_cluster

async def main():
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with open_ray_cluster("fleet"):
        os.kill(os.getpid(), signal.SIGTERM)
        await told.wait()
        print("heard")

asyncio.run(main())
"""


async def test_it_means_what_it_meant_before_connecting() -> None:
    pipe = asyncio.subprocess.PIPE
    driver = await asyncio.create_subprocess_exec(sys.executable, "-c", DRIVER, stdout=pipe, stderr=pipe)
    stdout, stderr = await driver.communicate()
    assert (driver.returncode, stdout) == (0, b"heard\n")
    assert b"SIGTERM received" not in stderr
