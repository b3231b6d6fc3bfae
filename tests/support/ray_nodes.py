"""A Ray cluster of several nodes on this machine, with real raylets, a dashboard and token authentication."""

import gc
import os
import secrets
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from swe_ai_fleet.execution.ray_token import use_ray_token


@dataclass(kw_only=True)
class RayNodes:
    """A head that hosts nothing, and workers that can be killed."""

    address: str
    dashboard: str
    token: str
    _cluster: Any
    _workers: dict[str, Any]

    def add(
        self, name: str, *, cpus: int = 2, resources: dict[str, float] | None = None, **labels: str
    ) -> str:
        """A worker with these labels; its node id."""
        node = _add_node(
            self._cluster,
            num_cpus=cpus,
            resources=resources or {},
            labels=labels,
            object_store_memory=100 * 1024**2,
            dashboard_agent_listen_port=_free_port(),
        )
        self._workers[name] = node
        return str(node.node_id)

    def kill(self, name: str) -> None:
        """SIGKILL its raylet and all that it started."""
        self._cluster.remove_node(self._workers.pop(name), allow_graceful=False)


@contextmanager
def ray_nodes() -> Iterator[RayNodes]:
    """Started with a head alone; this process is a driver on it."""
    token = secrets.token_hex(32)
    environment = os.environ  # noqa: TID251 - written, not read: this is how Ray is told
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    path = environment["PATH"]
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])  # the nodes' ``python``
    environment.update(RAY_ENABLE_UV_RUN_RUNTIME_ENV="0", RAY_USAGE_STATS_ENABLED="0")
    use_ray_token(token)
    constants: Any = import_module("ray._private.ray_constants")
    constants.RAY_DASHBOARD_STARTUP_TIMEOUT_S = (
        180  # as the variable of that name, which was read when Ray was imported
    )
    cluster: Any = Cluster()
    folder = tempfile.mkdtemp(prefix="ray-")  # short, for sockets
    _add_node(
        cluster,
        temp_dir=folder,
        num_cpus=0,
        include_dashboard=True,
        dashboard_port=_free_port(),
        dashboard_agent_listen_port=_free_port(),  # one that is fixed belongs to one cluster of a machine
        object_store_memory=100 * 1024**2,
    )
    utils: Any = import_module("ray._private.utils")
    # Else a job takes any cluster of this machine for its own.
    utils.write_ray_address(cluster.address, folder)
    cluster.connect()
    try:
        yield RayNodes(
            address=cluster.address,
            dashboard=f"http://{cluster.webui_url}",
            token=token,
            _cluster=cluster,
            _workers={},
        )
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ResourceWarning
            )  # Ray kills its processes without waiting for them
            ray.shutdown()
            cluster.shutdown()
            gc.collect()
        shutil.rmtree(folder, ignore_errors=True)
        environment.pop("PYTHONPATH", None)
        environment["PATH"] = path


def _add_node(cluster: Any, **options: Any) -> Any:
    """Ray gives a node 30 seconds to start, which a busy machine may not have: then once more, twice."""
    for _ in range(2):
        try:
            return cluster.add_node(**options)
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return cluster.add_node(**options)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
