"""Fixtures for all tests: real servers (`support/servers.py`), one of each for the whole run."""

pytest_plugins = ["tests.support.servers", "tests.support.node"]
