"""The purchase plan as text."""

from collections.abc import Sequence

from stockroom.planner import PlannedOrder


def money(cents: int) -> str:
    """Cents as euros, with a space between thousands."""
    euros, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}{euros:,}".replace(",", " ") + f".{rest:02d}"


def as_text(orders: Sequence[PlannedOrder]) -> str:
    """One paragraph per order; a note where the supplier's minimum is not reached."""
    if not orders:
        return "Nothing to buy."
    return "\n\n".join(_paragraph(order) for order in orders)


def _paragraph(order: PlannedOrder) -> str:
    head = f"{order.supplier.name}, arrives {order.arrives:%Y-%m-%d}: {money(order.total_cents)}"
    if not order.reaches_minimum:
        head += f" (below the minimum of {money(order.supplier.minimum_cents)})"
    lines = [f"  {line.quantity:>5} x {line.item.name} at {money(line.unit_cents)}" for line in order.lines]
    return "\n".join([head, *lines])
