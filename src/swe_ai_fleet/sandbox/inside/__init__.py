"""What runs inside the sandbox beside untrusted code: standard library and pytest only, put on its path read-only.

Nothing here is imported by the fleet's own processes.
"""
