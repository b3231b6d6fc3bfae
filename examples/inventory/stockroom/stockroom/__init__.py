"""Stock levels, reservations and purchase plans for a small warehouse."""
