"""One private suite for all tests here, with holds that end soon."""

from collections.abc import Iterator

import pytest

from tests.faults.private import Suite, private_suite
from tests.faults.run import SETTINGS


@pytest.fixture(scope="session")
def faulty_suite() -> Iterator[Suite]:
    """Two replicas. Each test brings its own users and sessions, and leaves all processes well."""
    with private_suite(2, SETTINGS, breakable=True) as suite:
        yield suite
