"""What starts and watches untrusted commands: standard library only, run apart by a bare interpreter.

``serve`` is the warm process that the fleet keeps. It forks one supervisor a command; the supervisor starts the
command contained, enforces its limits, kills everything it started and says how it ended.
"""
