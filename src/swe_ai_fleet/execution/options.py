"""How agents and checks are placed on a Ray cluster."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from swe_ai_fleet.domain.value import Value


class RayOptions(Value):
    """One Ray cluster and the fleet's place on it."""

    enabled: bool = True
    """False: agents and checks work in the process that deliberates, without Ray."""
    address: str | None = None
    """``host:port`` of the cluster's head, or ``auto``, on one of the cluster's nodes; None: embedded."""
    dashboard: str | None = None
    """``http(s)://host:port`` of the cluster's dashboard, where jobs are submitted."""
    token: SecretStr | None = None
    """The cluster's authentication token; where it is None, Ray's own ``RAY_AUTH_TOKEN`` and token file count."""
    namespace: str = "fleet"
    """Under which this cluster knows the fleet's actors."""
    actors: Annotated[int, Field(ge=1)] | None = None
    """Actors in all; by default ``actors_per_node`` for every node that can host one."""
    actors_per_node: Annotated[int, Field(ge=1)] = 2
    """With two, the answers of one that died are asked again at once."""
    max_concurrency: Annotated[int, Field(ge=1)] = 1000
    """Calls at work at once in one actor; further ones wait in it."""
    max_pending: Annotated[int, Field(ge=1)] = 2000
    """Calls that one process may have under way at one actor; above it the actor sheds load."""
    attempts: Annotated[int, Field(ge=1)] = 3
    """How often an answer is asked for when actors die under it."""
    num_cpus: Annotated[float, Field(ge=0)] = 0.1
    """CPUs that one actor takes of its node; it waits for models and computes little."""
    memory_bytes: Annotated[int, Field(gt=0)] | None = None
    """Memory that one actor takes of its node, for placement; None: not counted."""
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Custom resources that one actor takes of its node, so that it is placed where they are."""
    label_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes that may host agents: ``value``, ``!value``, ``in(a,b)`` or ``!in(a,b)``."""
    scheduling_strategy: Literal["SPREAD", "DEFAULT"] = "SPREAD"
    """SPREAD deals the actors over the nodes; DEFAULT fills one node after the other."""
    connect_timeout_s: Annotated[float, Field(gt=0)] = 6.0
    """Limit on reaching the cluster."""
    placement_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    """How long a placement that no node can satisfy is waited for; raise it where an autoscaler adds nodes."""
    start_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """How long the actors may take to start where nodes can host them."""
    check_cpus: Annotated[float, Field(gt=0)] = 0.9
    """CPUs that one check takes; a tenth of each core is left for the actors."""
    check_label_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes that may run checks."""
