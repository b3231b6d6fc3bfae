"""What runs inside the sandbox, in the interpreter of the code under repair: standard library and pytest only.

These modules are not imported by the fleet's own processes. :mod:`swe_ai_fleet.repair.harness` starts ``start.py``
by its path, talks to it in JSON lines over stdin and stdout, and never trusts what it says beyond a verdict: what
is proposed is checked again by the task's own commands. The folder is loaded under a name of its own, so that the
code under repair may be this package itself; that is why imports here are relative.
"""
