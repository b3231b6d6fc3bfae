"""Where agents and checks run: in this process, or on Ray."""
