"""Running untrusted code, contained."""
