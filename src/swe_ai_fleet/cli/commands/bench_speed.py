"""``swe-fleet bench throughput|latency|scale|...``: what the fleet costs beside the model."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option, no_ray_option

if TYPE_CHECKING:
    from swe_ai_fleet.bench.record import RecordFigures
    from swe_ai_fleet.bench.report import BenchReport

_COUNT = click.IntRange(1)
_AGENTS = click.option(
    "--agents", type=click.IntRange(1, 128), default=3, metavar="N", help="Agents of each council (3)."
)


def _repetitions(default: int) -> Callable[[Any], Any]:
    return click.option(
        "--repetitions", type=_COUNT, default=default, metavar="N", help=f"Of every figure ({default})."
    )


@click.command("throughput", epilog=EPILOG)
@click.option("--deliberations", type=_COUNT, default=500, metavar="N", help="Of one repetition (500).")
@click.option("--at-once", type=_COUNT, default=64, metavar="N", help="Deliberations in flight (64).")
@_AGENTS
@_repetitions(5)
@no_ray_option
@json_option
def throughput(*, as_json: bool, no_ray: bool, **given: int) -> int:
    """Deliberations per second beside the bare calls, with a simulated model server; every event is durable."""
    from swe_ai_fleet.bench.throughput import measure_throughput

    return _run(partial(measure_throughput, **given, use_ray=not no_ray), as_json=as_json)


@click.command("latency", epilog=EPILOG)
@click.option("--deliberations", type=_COUNT, default=200, metavar="N", help="One after the other (200).")
@click.option("--at-once", type=_COUNT, default=1000, metavar="N", help="Started in the same moment (1000).")
@_AGENTS
@_repetitions(3)
@click.option(
    "--ray", "use_ray", is_flag=True, help="With agents on the embedded Ray instead of in this process."
)
@json_option
def latency(*, as_json: bool, use_ray: bool, **given: int) -> int:
    """What the fleet adds to the slowest agent, in milliseconds and seconds, alone and with many in flight."""
    from swe_ai_fleet.bench.latency import measure_latency

    return _run(partial(measure_latency, **given, use_ray=use_ray), as_json=as_json)


@click.command("scale", epilog=EPILOG)
@click.option(
    "--calls", type=_COUNT, default=10_000, metavar="N", help="Agent calls in flight at once (10000)."
)
@_AGENTS
@_repetitions(3)
@json_option
def scale(*, as_json: bool, **given: int) -> int:
    """Memory of a call in flight, and how seconds grow with councils, rounds and the size of proposals."""
    from swe_ai_fleet.bench.scale import measure_scale

    return _run(partial(measure_scale, **given), as_json=as_json)


@click.command("start", epilog=EPILOG)
@_repetitions(5)
@no_ray_option
@json_option
def start(*, as_json: bool, no_ray: bool, repetitions: int) -> int:
    """Seconds from a command to its help, to the doctor's findings, and to the first proposal asked for."""
    from swe_ai_fleet.bench.start import measure_start

    return _run(partial(measure_start, repetitions=repetitions, use_ray=not no_ray), as_json=as_json)


@click.command("record", epilog=EPILOG)
@click.option(
    "--agents", type=click.IntRange(1, 128), default=128, metavar="N", help="The largest council (128)."
)
@click.option(
    "--rounds", type=click.IntRange(0, 8), default=3, metavar="R", help="Its passes of critique (3)."
)
@click.option(
    "--deliberations", type=_COUNT, default=100_000, metavar="N", help="How many there are to list (100000)."
)
@_repetitions(5)
@json_option
def record(*, as_json: bool, **given: int) -> int:
    """Events written and replayed per second, milliseconds to show and to list, on a nats-server of its own."""
    from swe_ai_fleet.bench.record import measure_record

    return _run(partial(measure_record, **given), as_json=as_json)


@click.command("actor", epilog=EPILOG)
@click.option("--calls", type=_COUNT, default=200, metavar="N", help="At once (200).")
@_repetitions(3)
@json_option
def actor(*, as_json: bool, **given: int) -> int:
    """How many seconds many calls at once take through one Ray actor, each answer on the record, with 1-s models."""
    from swe_ai_fleet.bench.actor import measure_actor

    return _run(partial(measure_actor, **given), as_json=as_json)


@click.command("checks", epilog=EPILOG)
@click.option("--checks", type=_COUNT, default=40, metavar="N", help="Of one repetition (40).")
@_repetitions(5)
@json_option
def checks(*, as_json: bool, **given: int) -> int:
    """Proposals checked per second in the sandbox, and milliseconds that a check adds to its bare command."""
    from swe_ai_fleet.bench.checks import measure_checks

    return _run(partial(measure_checks, **given), as_json=as_json)


@click.command("prefix", epilog=EPILOG)
@click.option("--url", required=True, metavar="URL", help="Of a vLLM server, with /v1.")
@click.option("--model", required=True, metavar="NAME", help="As the server names it.")
@click.option("--agents", type=click.IntRange(2, 128), default=8, metavar="N", help="Of the council (8).")
@click.option("--rounds", type=click.IntRange(0, 8), default=2, metavar="R", help="Passes of critique (2).")
@click.option("--max-tokens", type=_COUNT, default=64, metavar="N", help="Of one answer (64).")
@_repetitions(2)
@json_option
def prefix(*, as_json: bool, url: str, model: str, **given: int) -> int:
    """How much of its prompts a council shares on a real vLLM, beside prompts that begin with the role.

    Start the server with --enable-prompt-tokens-details, so that it tells what it took from its cache.
    """
    from swe_ai_fleet.bench.prefix import measure_prefix

    return _run(partial(measure_prefix, url=url.rstrip("/"), model=model, **given), as_json=as_json)


SPEED_COMMANDS = (throughput, latency, scale, actor, record, start, checks, prefix)


def _run(measure: "Callable[[], Awaitable[BenchReport | RecordFigures]]", *, as_json: bool) -> int:
    from swe_ai_fleet.cli.running import run

    return run(partial(_measure, measure, as_json=as_json))


async def _measure(
    measure: "Callable[[], Awaitable[BenchReport | RecordFigures]]", interrupts: Interrupts, *, as_json: bool
) -> int:
    del interrupts
    from swe_ai_fleet.bench.report import BenchReport
    from swe_ai_fleet.cli.bench_view import print_record, print_report
    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.cli.session import prepare

    prepare()
    with ungrouped():
        measured = await measure()
    if as_json:
        print_json(measured)
    elif isinstance(measured, BenchReport):
        print_report(measured)
    else:
        print_record(measured)
    return 0
