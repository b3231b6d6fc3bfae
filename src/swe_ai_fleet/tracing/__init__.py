"""Where time and tokens go, as spans; a library of nobody, so that the core may use it."""
