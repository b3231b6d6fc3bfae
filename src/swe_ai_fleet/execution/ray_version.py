"""What a cluster says of itself to whoever asks its head, without becoming a driver on it."""

import asyncio
import json
import os
from functools import partial
from importlib import import_module
from importlib.metadata import version
from platform import python_version
from typing import Any

from ray.exceptions import AuthenticationError, RayError

from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.errors import UnreachableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_connection import abandonable, probe
from swe_ai_fleet.execution.ray_token import use_ray_token

TOKEN_CURE = "export FLEET_RAY__TOKEN=..., with what is in ~/.ray/auth_token on the cluster's head"  # noqa: S105 - tells where it is


class Versions(Value):
    """Of what has to be equal in every process of a cluster."""

    ray: str
    python: str


def versions_here() -> Versions:
    """Of this process."""
    return Versions(ray=version("ray"), python=python_version())


async def versions_of_cluster(options: RayOptions) -> Versions:
    """What the head at ``options.address`` runs.

    Raises:
        InputError: the address is none.
        UnreachableError: nobody answers there in time, it is no Ray, or it refuses the token.
    """
    address = await asyncio.to_thread(_here) if options.address == "auto" else options.address
    assert address is not None
    await probe(address, limit_s=options.connect_timeout_s)
    found: list[Versions] = []
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            await abandonable(partial(_ask, address, options, found))
    except AuthenticationError as error:
        raise UnreachableError("Ray", f"{address} with this token", f"{TOKEN_CURE}.") from error
    except (TimeoutError, OSError, RuntimeError, ValueError, KeyError, RayError) as error:
        way_out = f"What answers there is no head of a Ray cluster: {error}"
        raise UnreachableError("Ray", address, way_out) from error
    return found[0]


def _here() -> str:
    """The cluster that ``ray.init(address="auto")`` would take: RAY_ADDRESS, else the node on this machine."""
    services: Any = import_module("ray._private.services")
    try:
        return str(services.canonicalize_bootstrap_address_or_die("auto"))
    except ConnectionError as error:
        way_out = "This machine is no node of a cluster: ray start --address=HEAD:6379."
        raise UnreachableError("Ray", "auto", way_out) from error


def _ask(address: str, options: RayOptions, found: list[Versions]) -> None:
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # noqa: TID251 - written: Ray would print beside us
    if options.token is not None:
        use_ray_token(options.token.get_secret_value())
    raylet: Any = import_module("ray._raylet")
    constants: Any = import_module("ray._private.ray_constants")
    usage: Any = import_module("ray._common.usage.usage_constants")
    client = raylet.GcsClient(address=address)
    text = client.internal_kv_get(usage.CLUSTER_METADATA_KEY, namespace=constants.KV_NAMESPACE_CLUSTER)
    told = json.loads(text)
    found.append(Versions(ray=told["ray_version"], python=told["python_version"]))
