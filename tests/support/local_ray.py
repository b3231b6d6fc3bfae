"""A Ray of this machine for tests, and none left behind."""

import gc
import logging
import os
import secrets
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

from swe_ai_fleet.execution.ray_token import use_ray_token


@contextmanager
def local_ray(*, cpus: int = 2, resources: dict[str, float] | None = None) -> Iterator[str]:
    """This process is its driver; yields its address."""
    environment = os.environ  # noqa: TID251 - written, not read: this is how Ray is told
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment.update(RAY_ENABLE_UV_RUN_RUNTIME_ENV="0", RAY_USAGE_STATS_ENABLED="0")
    use_ray_token(secrets.token_hex(32))
    ray.init(
        address="local",
        num_cpus=cpus,
        resources=resources,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=200 * 1024**2,
        _node_ip_address="127.0.0.1",
    )
    del environment["PYTHONPATH"]
    try:
        yield str(ray.get_runtime_context().gcs_address)
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ResourceWarning
            )  # Ray kills its processes without waiting for them
            ray.shutdown()
            gc.collect()
