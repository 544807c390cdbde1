"""Movies: what is shown, and for how long."""
