"""A service's copies of others' rows (docs/decisions/0002), and making them anew."""
