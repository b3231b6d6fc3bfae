"""The decision as pure functions over domain values: gates, agreement, ties, stopping."""
