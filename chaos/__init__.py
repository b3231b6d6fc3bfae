"""Breaking the fleet on purpose: real processes, a seeded plan of faults, and a checker that trusts nobody."""
