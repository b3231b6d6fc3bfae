"""What is broken when: drawn from a seed, so that the same seed breaks the same things at the same moments."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """One way to break something."""

    WORKER_KILLED = "worker killed"
    WORKER_TOLD_TO_STOP = "worker told to stop"
    WORKER_PAUSED = "worker paused"
    """For longer than its commands wait, so that another worker is given them too."""
    NATS_KILLED = "nats killed"
    NATS_PAUSED = "nats paused"
    NATS_AWAY = "nats away for a minute"
    LEADER_KILLED = "nats leader killed"
    FOLLOWER_KILLED = "nats follower killed"
    LEADER_PAUSED = "nats leader paused"
    NETWORK_CUT = "network of a nats server cut"
    QUOTA_FULL = "jetstream quota full"
    DISK_FULL = "disk of jetstream full"
    CLOCK_STEPPED = "clock stepped"
    MODEL_KILLED = "model server killed"
    MODEL_FAULTS = "model server faulty"
    """Which faults a model server then makes is in the plan; each request that meets one is a fault of its own kind."""
    ACTOR_KILLED = "ray actor killed"
    RAY_WORKER_KILLED = "ray worker killed"
    RAYLET_KILLED = "raylet killed"


MODEL_FAULTS = (
    "rate_limited",
    "rate_limited_mute",
    "unavailable",
    "server_error",
    "hang",
    "cut_before",
    "cut_midway",
    "malformed",
    "endless",
    "truncated",
    "empty",
    "error_inside",
    "slow",
)

_HOLDS_S: Mapping[Kind, tuple[float, float]] = {
    Kind.WORKER_KILLED: (0.5, 3.0),
    Kind.WORKER_TOLD_TO_STOP: (0.5, 3.0),
    Kind.WORKER_PAUSED: (36.0, 45.0),
    Kind.NATS_KILLED: (0.0, 4.0),
    Kind.NATS_PAUSED: (1.0, 8.0),
    Kind.NATS_AWAY: (60.0, 60.0),
    Kind.LEADER_KILLED: (1.0, 6.0),
    Kind.FOLLOWER_KILLED: (1.0, 6.0),
    Kind.LEADER_PAUSED: (2.0, 8.0),
    Kind.NETWORK_CUT: (4.0, 12.0),
    Kind.QUOTA_FULL: (3.0, 8.0),
    Kind.DISK_FULL: (3.0, 6.0),
    Kind.CLOCK_STEPPED: (5.0, 15.0),
    Kind.MODEL_KILLED: (1.0, 5.0),
    Kind.MODEL_FAULTS: (6.0, 12.0),
    Kind.ACTOR_KILLED: (0.0, 0.0),
    Kind.RAY_WORKER_KILLED: (0.0, 0.0),
    Kind.RAYLET_KILLED: (0.5, 2.0),
}
"""How long the thing stays broken, in seconds, from least to most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One thing broken at one moment."""

    at_s: float
    """Seconds after the load began."""
    kind: Kind
    hold_s: float
    target: int
    """Which one, counted modulo as many as there are."""
    model_faults: tuple[str, ...] = ()
    step_s: float = 0.0
    """By how much a clock is moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One fleet, its load and what befalls it."""

    name: str
    deliberations: int
    with_repo: int
    """How many of them have a repository and checks."""
    seconds: float
    """Over which the load and the strikes are spread."""
    servers: int = 1
    workers: int = 2
    ray: bool = False
    is_small_disk: bool = False
    """The record lives on a file system of a few megabytes."""
    rounds: tuple[int, ...] = (0, 1, 1)
    """Rounds of review, one of these for each deliberation."""
    strikes: tuple[Strike, ...] = ()

    def breaks(self, kind: Kind) -> bool:
        """The plan has a strike of that kind."""
        return any(strike.kind is kind for strike in self.strikes)


_SINGLE = {
    Kind.WORKER_KILLED: 8,
    Kind.WORKER_TOLD_TO_STOP: 4,
    Kind.WORKER_PAUSED: 3,
    Kind.NATS_KILLED: 12,
    Kind.NATS_PAUSED: 7,
    Kind.NATS_AWAY: 1,
    Kind.QUOTA_FULL: 5,
    Kind.CLOCK_STEPPED: 8,
    Kind.MODEL_KILLED: 6,
    Kind.MODEL_FAULTS: 16,
}
_CLUSTER = {
    Kind.LEADER_KILLED: 7,
    Kind.FOLLOWER_KILLED: 6,
    Kind.LEADER_PAUSED: 5,
    Kind.NETWORK_CUT: 6,
    Kind.WORKER_KILLED: 3,
    Kind.MODEL_FAULTS: 4,
}
_DISK = {Kind.DISK_FULL: 3, Kind.WORKER_KILLED: 1}
_RAY = {
    Kind.ACTOR_KILLED: 8,
    Kind.RAY_WORKER_KILLED: 4,
    Kind.RAYLET_KILLED: 3,
    Kind.WORKER_KILLED: 1,
    Kind.NATS_KILLED: 2,
}
_SHORT_SINGLE = {
    Kind.WORKER_KILLED: 2,
    Kind.NATS_KILLED: 3,
    Kind.NATS_PAUSED: 1,
    Kind.QUOTA_FULL: 1,
    Kind.CLOCK_STEPPED: 2,
    Kind.MODEL_KILLED: 1,
    Kind.MODEL_FAULTS: 4,
}
_SHORT_CLUSTER = {Kind.LEADER_KILLED: 1, Kind.FOLLOWER_KILLED: 1, Kind.NETWORK_CUT: 1}


def whole_plan(seed: int) -> tuple[Stage, ...]:
    """Every kind of fault: about twenty minutes on two cores."""
    return (
        _stage(seed, "single", _SINGLE, deliberations=320, with_repo=24, seconds=540, workers=3),
        _stage(seed, "cluster", _CLUSTER, deliberations=120, with_repo=0, seconds=240, servers=3),
        _stage(seed, "disk", _DISK, deliberations=30, with_repo=0, seconds=75, is_small_disk=True),
        _stage(seed, "ray", _RAY, deliberations=60, with_repo=16, seconds=200, workers=1, ray=True),
    )


def short_plan(seed: int) -> tuple[Stage, ...]:
    """What fits into a test: one server, then a cluster, without Ray."""
    return (
        _stage(seed, "single", _SHORT_SINGLE, deliberations=40, with_repo=0, seconds=45),
        _stage(seed, "cluster", _SHORT_CLUSTER, deliberations=12, with_repo=0, seconds=25, servers=3),
    )


def _stage(
    seed: int,
    name: str,
    counts: Mapping[Kind, int],
    *,
    deliberations: int,
    with_repo: int,
    seconds: float,
    servers: int = 1,
    workers: int = 2,
    ray: bool = False,
    is_small_disk: bool = False,
) -> Stage:
    rng = random.Random(f"{seed}/{name}")
    strikes = [
        _strike(rng, kind, 0.05 * seconds + (place + rng.random()) * 0.9 * seconds / count)
        for kind, count in counts.items()
        for place in range(count)
    ]
    return Stage(
        name=name,
        deliberations=deliberations,
        with_repo=with_repo,
        seconds=seconds,
        servers=servers,
        workers=workers,
        ray=ray,
        is_small_disk=is_small_disk,
        strikes=tuple(sorted(strikes, key=lambda strike: strike.at_s)),
    )


def _strike(rng: random.Random, kind: Kind, at_s: float) -> Strike:
    return Strike(
        at_s=round(at_s, 2),
        kind=kind,
        hold_s=round(rng.uniform(*_HOLDS_S[kind]), 2),
        target=rng.randrange(1000),
        model_faults=tuple(rng.sample(MODEL_FAULTS, 3)) if kind is Kind.MODEL_FAULTS else (),
        step_s=rng.choice((-1, 1)) * rng.choice((2.0, 20.0, 600.0)) if kind is Kind.CLOCK_STEPPED else 0.0,
    )
