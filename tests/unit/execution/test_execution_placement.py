"""Which nodes can host what."""

from typing import Any

import pytest

from swe_ai_fleet.errors import InputError
from swe_ai_fleet.execution.placement import Demand, check_selector, hosts, shortage


def node(
    name: str, *, alive: bool = True, labels: dict[str, str] | None = None, **resources: float
) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "Resources": resources, "Labels": labels or {}}


NODES = [
    node("head", CPU=0.0, memory=4e9),
    node("small", CPU=2.0, memory=4e9, labels={"pool": "agents", "zone": "a"}),
    node("gpu", CPU=8.0, memory=64e9, H100=1.0, labels={"pool": "models"}),
    node("gone", alive=False, CPU=64.0, H100=8.0, labels={"pool": "agents"}),
]


@pytest.mark.parametrize(
    ("resources", "labels", "able"),
    [
        ({}, {}, ["head", "small", "gpu"]),
        ({"CPU": 0.1}, {}, ["small", "gpu"]),
        ({"CPU": 0.1, "H100": 0.01}, {}, ["gpu"]),
        ({"memory": 5e9}, {}, ["gpu"]),
        ({"TPU": 1}, {}, []),
        ({}, {"pool": "agents"}, ["small"]),
        ({}, {"pool": "!agents"}, ["head", "gpu"]),
        ({}, {"pool": "in(agents, models)"}, ["small", "gpu"]),
        ({}, {"pool": "!in(agents,models)"}, ["head"]),
        ({"CPU": 4}, {"pool": "agents"}, []),
    ],
)
def test_a_node_hosts_what_it_has(
    resources: dict[str, float], labels: dict[str, str], able: list[str]
) -> None:
    found = hosts(NODES, Demand(resources=resources, labels=labels))
    assert [one["NodeID"] for one in found] == able


def test_a_shortage_says_what_was_wanted_and_what_there_is() -> None:
    told = shortage(NODES, Demand(resources={"CPU": 0.1, "TPU": 1}, labels={"pool": "tpu"}))
    assert "CPU 0.1, TPU 1, label pool=tpu" in told
    assert "CPU 2 TPU 0 pool=agents" in told
    assert "none of 3 nodes" in told


@pytest.mark.parametrize("condition", ["agents", "!agents", "in(a,b)", "!in(a, b)", "nvidia-h100.80gb"])
def test_conditions_that_ray_understands_pass(condition: str) -> None:
    check_selector("ray.label_selector", {"pool": condition})


@pytest.mark.parametrize("condition", ["", "!", "in()", "in(a,)", "notin(a)", "a b", "!!a"])
def test_other_conditions_are_named(condition: str) -> None:
    with pytest.raises(InputError) as raised:
        check_selector("ray.label_selector", {"pool": condition})
    assert raised.value.field == "ray.label_selector.pool"
