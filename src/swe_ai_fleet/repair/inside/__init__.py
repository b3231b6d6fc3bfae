"""What runs inside the sandbox, in the interpreter of the code under repair: standard library and pytest only.

These modules are not imported by the fleet's own processes. :mod:`swe_ai_fleet.repair.harness` starts them by
path, talks to them in JSON lines over stdin and stdout, and never trusts what they say beyond a verdict: what is
proposed is checked again by the task's own commands.
"""
