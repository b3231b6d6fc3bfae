"""Rendering a kustomization and reading what comes out, strictly."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

RENDER_TIMEOUT_S = 60.0


class RenderError(Exception):
    """A kustomization cannot be rendered or what it renders is not YAML; the message is the renderer's own."""


class RendererMissingError(RenderError):
    """Neither kubectl nor kustomize is installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One rendered object."""

    kind: str
    api_version: str
    name: str
    namespace: str | None
    body: Mapping[str, Any]

    @property
    def where(self) -> str:
        """``Kind/name``, as findings name it."""
        return f"{self.kind}/{self.name}"

    @property
    def group(self) -> str:
        """API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """All objects of one kustomization, in the renderer's order, and those of the installation it is applied beside."""

    name: str
    manifests: tuple[Manifest, ...]
    beside: tuple[Manifest, ...] = field(default=())

    @property
    def world(self) -> tuple[Manifest, ...]:
        """Everything that exists once this has been applied; its own objects first."""
        return self.manifests + self.beside

    def of_kind(self, *kinds: str) -> Iterator[Manifest]:
        """This kustomization's objects of these kinds."""
        return (manifest for manifest in self.manifests if manifest.kind in kinds)


class _UniqueKeyLoader(yaml.CSafeLoader):
    """Refuses a mapping that gives one key twice, which YAML would settle silently."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise RenderError(f"line {node.start_mark.line + 1}: {', '.join(map(str, twice))} is given twice")
    return dict(
        zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True)
    )


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def renderer() -> tuple[str, ...]:
    """The command that renders a folder.

    Raises:
        RendererMissingError: there is none.
    """
    if kustomize := shutil.which("kustomize"):
        return (kustomize, "build")
    if kubectl := shutil.which("kubectl"):
        return (kubectl, "kustomize")
    raise RendererMissingError(
        "Neither kustomize nor kubectl (1.29 or later) is installed; "
        "see https://kubernetes.io/docs/tasks/tools/#kubectl"
    )


def read_documents(text: str) -> list[dict[str, Any]]:
    """All non-empty YAML documents of a text.

    Raises:
        RenderError: it is not YAML, gives a key twice, or a document is not a mapping.
    """
    try:
        # CSafeLoader underneath: it builds plain values only.
        documents = [document for document in yaml.load_all(text, Loader=_UniqueKeyLoader) if document]
    except yaml.YAMLError as error:
        raise RenderError(str(error)) from error
    for document in documents:
        if not isinstance(document, dict):
            raise RenderError(f"a document is a {type(document).__name__}, not a mapping")
    return documents


def manifest_of(body: Mapping[str, Any]) -> Manifest:
    """Read kind, version and name; what is missing becomes an empty string, for the schema check to report."""
    metadata = body.get("metadata") or {}
    return Manifest(
        kind=body.get("kind", ""),
        api_version=body.get("apiVersion", ""),
        name=metadata.get("name", ""),
        namespace=metadata.get("namespace"),
        body=body,
    )


def render(folder: Path, *, beside: tuple[Manifest, ...] = ()) -> Rendering:
    """Render one kustomization.

    Raises:
        RendererMissingError: no renderer is installed.
        RenderError: the renderer refused it, or its output is not strict YAML.
    """
    result = subprocess.run(
        [*renderer(), str(folder)], capture_output=True, text=True, timeout=RENDER_TIMEOUT_S, check=False
    )
    if result.returncode != 0:
        raise RenderError(f"{folder.name}: {result.stderr.strip()}")
    documents = read_documents(result.stdout)
    return Rendering(name=folder.name, manifests=tuple(map(manifest_of, documents)), beside=beside)
