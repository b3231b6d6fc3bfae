"""HTML that is escaped by construction: only this module makes :class:`Html`, and it escapes everything else."""

from collections.abc import Iterable
from html import escape

from swe_ai_fleet.report.printable import printable

_VOID = frozenset({"br", "meta"})


class Html(str):
    """Markup that may stand in the page as it is."""

    __slots__ = ()


Child = str | int | Iterable["Child"] | None
"""Text is escaped, :class:`Html` is not; None is nothing."""


def el(tag: str, *children: Child, **attributes: str | bool | None) -> Html:
    """One element.

    Args:
        tag: its name.
        children: what stands in it.
        attributes: ``class_`` is class, ``data_label`` is data-label; None and False leave one out, True is bare.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    opening = f"<{tag}{written}>"
    return Html(opening) if tag in _VOID else Html(f"{opening}{joined(children)}</{tag}>")


def joined(children: Iterable[Child]) -> Html:
    """Several one after the other."""
    return Html("".join(_child(child) for child in children))


def raw(markup: str) -> Html:
    """A constant of this package, such as its style sheet; never anything that came from outside."""
    return Html(markup)


def _child(child: Child) -> str:
    match child:
        case None:
            return ""
        case Html():
            return child
        case str():
            return escape(printable(child), quote=False)
        case int():
            return f"{child:,}"
        case _:
            return joined(child)


def _attribute(name: str, value: str | bool | None) -> str:  # noqa: FBT001
    if value is None or value is False:
        return ""
    plain = name.rstrip("_").replace("_", "-")
    return f" {plain}" if value is True else f' {plain}="{escape(printable(value))}"'
