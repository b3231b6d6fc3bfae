"""What a deliberation is: frozen values and pure rules. Nothing here does I/O."""
