"""``python -m fleet_docs``: write everything that comes from the code."""

from pathlib import Path

import click

from fleet_docs.targets import targets


@click.command()
@click.option(
    "--root", type=click.Path(path_type=Path, exists=True), default=Path(), help="The repository's root."
)
def main(root: Path) -> None:
    """Write the generated pages and schemas where they differ from the code."""
    for name, text in targets().items():
        path = root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"written: {name}")


if __name__ == "__main__":
    main()
