"""All rules, and checking a whole tree of manifests."""

from collections.abc import Iterator
from pathlib import Path

from fleet_manifests import (
    addresses,
    commands_used,
    declared_streams,
    network,
    references,
    schemas,
    security,
    settings_used,
    versions,
    workloads,
)
from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding, Rule
from fleet_manifests.rendering import RenderError, Rendering, render

RULES: tuple[Rule, ...] = (
    schemas.schemas,
    schemas.duplicate_names,
    security.pod_security,
    security.namespace_security,
    security.service_account_tokens,
    references.configuration,
    references.volumes,
    references.services,
    references.probe_ports,
    references.workload_targets,
    references.unused,
    addresses.addresses,
    addresses.scrape_targets,
    versions.images,
    versions.ray_versions,
    versions.ray_tokens,
    workloads.resources,
    workloads.probes,
    workloads.budgets,
    workloads.spread,
    workloads.selectors,
    network.default_deny,
    network.reachability,
    network.open_ports,
    settings_used.settings,
    commands_used.commands,
    declared_streams.stream_drift,
    declared_streams.stream_replicas,
    declared_streams.scaled_consumers,
    declared_streams.permitted_streams,
)


def check(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """All findings of one rendering; where the schema is already broken, only what the schemas say."""
    broken = [*schemas.schemas(rendering, facts)]
    if broken:
        yield from broken
        return
    for rule in RULES[1:]:
        yield from rule(rendering, facts)


def render_tree(tree: Path) -> Iterator[Rendering]:
    """Every overlay of ``deploy/k8s``, then every job, beside the production overlay.

    Raises:
        RenderError: one of them cannot be rendered.
    """
    overlays = {folder.name: render(folder) for folder in sorted((tree / "overlays").iterdir())}
    yield from overlays.values()
    if "production" not in overlays:
        raise RenderError("there is no overlay production for the jobs to stand beside")
    for folder in sorted((tree / "jobs").iterdir()):
        yield render(folder, beside=overlays["production"].manifests)
