"""The token of a Ray cluster, as this process and the processes that it starts learn it."""

import os
from importlib import import_module
from typing import Any


def use_ray_token(token: str) -> None:
    """Authenticate with this token from now on, also where Ray has been imported before."""
    environment = os.environ  # noqa: TID251 - written, not read: Ray learns its token from nowhere else
    environment["RAY_AUTH_MODE"] = "token"
    environment["RAY_AUTH_TOKEN"] = token
    raylet: Any = import_module("ray._raylet")
    raylet.Config.initialize(
        ""
    )  # as Ray's own tools do once they have set the mode, which the first import reads
    raylet.AuthenticationTokenLoader.instance().reset_cache()
