"""PostgreSQL's clock, without asking it each time."""

from datetime import datetime, timedelta
from time import monotonic


class DatabaseClock:
    """As it was read last, and counted on from there by a clock that nobody sets.

    What is read is a little old when it arrives. So this clock may be slow, and is never fast:
    what it allows until a certain time ends no later by PostgreSQL's own.
    """

    def __init__(self) -> None:
        self._start: datetime | None = None

    def read(self, now: datetime) -> None:
        """What PostgreSQL has just said."""
        self._start = now - timedelta(seconds=monotonic())

    def now(self) -> datetime:
        if self._start is None:
            raise LookupError("the database's clock has not been read yet")
        return self._start + timedelta(seconds=monotonic())
