"""``python -m fleet_manifests``: check all overlays and jobs; exit status 1 where something is wrong."""

import sys
from pathlib import Path

import click

from fleet_manifests.facts import FactsError
from fleet_manifests.references import unused_secrets
from fleet_manifests.rendering import RendererMissingError, RenderError
from fleet_manifests.rules import check, render_tree
from fleet_manifests.sources import gather

_NO_SCHEMAS = (
    "Custom kinds were not checked: set FLEET_CRD_SCHEMAS to a folder with the CRDs of KubeRay and KEDA "
    '(docs/operations.md, "Checking the manifests").'
)


@click.command()
@click.option(
    "--root", type=click.Path(path_type=Path, exists=True), default=Path(), help="The repository's root."
)
@click.option(
    "--crd-schemas",
    envvar="FLEET_CRD_SCHEMAS",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with the schemas of custom kinds.",
)
def main(root: Path, crd_schemas: Path | None) -> None:
    """Render every overlay and job, and hold it to the rules."""
    try:
        facts = gather(root, crd_schemas)
        renderings = tuple(render_tree(root / "deploy" / "k8s"))
    except RendererMissingError as error:
        click.echo(str(error), err=True)
        sys.exit(4)
    except (RenderError, FactsError) as error:
        click.echo(f"render: {error}", err=True)
        sys.exit(1)
    findings = [*unused_secrets(renderings, facts)]
    for rendering in renderings:
        found = [*check(rendering, facts)]
        click.echo(f"{rendering.name}: {len(rendering.manifests)} objects, {len(found)} findings")
        findings += found
        for finding in found:
            click.echo(f"  {finding}")
    if not facts.custom_kinds:
        click.echo(_NO_SCHEMAS, err=True)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
