"""The programme in memory: what `hold/` needs to know of a screening without asking anybody.

Refreshed when PostgreSQL tells that a screening has changed, and each second besides; a screening
that is not known yet is looked up, so that no replica says 404 to what another has on sale.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from cinema_shared.database import Database, is_outage
from cinema_shared.notifications import listen
from sqlalchemy import ColumnElement, func, select

from ticketing_service.screenings.clock import DatabaseClock
from ticketing_service.screenings.tables import screenings

log = structlog.get_logger(__name__)

CHANNEL: Final = "screenings"
_POLL_S: Final = 1.0
# A transaction that commits late has a stamp from before: no transaction lasts longer than this.
_OVERLAP: Final = timedelta(seconds=15)
_FORGET_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Screening:
    """What selling needs. `seat_count` is seats per row."""

    id: int
    state: str
    row_count: int
    seat_count: int
    starts_at: datetime
    sales_end: datetime

    def has(self, row: int, seat: int) -> bool:
        return 1 <= row <= self.row_count and 1 <= seat <= self.seat_count


class Programme:
    def __init__(self, database: Database, database_url: str, sales_end: timedelta) -> None:
        # Each look at the table reads it anew.
        self.clock = DatabaseClock()
        self._database = database
        self._database_url = database_url
        self._sales_end = sales_end
        self._screenings: dict[int, Screening] = {}
        self._since: datetime | None = None
        self._looking_up = asyncio.Lock()

    async def get(self, screening_id: int) -> Screening | None:
        """A screening that is not removed."""
        found = self._screenings.get(screening_id)
        if found is None:
            # However many ask for it at once, it is looked up once.
            async with self._looking_up:
                if screening_id not in self._screenings:
                    await self._load(screenings.c.id == screening_id)
            found = self._screenings.get(screening_id)
        return found if found and found.state != "removed" else None

    async def run(self) -> None:
        """Keep it fresh until cancelled."""
        wake = asyncio.Event()
        listener = asyncio.create_task(listen(self._database_url, CHANNEL, wake))
        try:
            while True:
                wake.clear()
                try:
                    await self.refresh()
                except Exception as error:
                    if not is_outage(error):
                        raise
                    log.warning("programme_not_refreshed", error=type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), _POLL_S)
        finally:
            listener.cancel()

    async def refresh(self) -> None:
        """Take over what has changed since the last time."""
        recent = screenings.c.starts_at > func.now() - _FORGET_AFTER
        changed = screenings.c.changed_at > self._since - _OVERLAP if self._since else recent
        self._since = await self._load(changed)
        past = self._since - _FORGET_AFTER
        for old in [s.id for s in self._screenings.values() if s.starts_at < past]:
            del self._screenings[old]

    async def _load(self, which: ColumnElement[bool]) -> datetime:
        async with self._database.transaction() as transaction:
            now: datetime = (await transaction.execute(select(func.now()))).scalar_one()
            self.clock.read(now)
            rows: Any = await transaction.execute(
                select(
                    screenings.c.id,
                    screenings.c.state,
                    screenings.c.row_count,
                    screenings.c.seat_count,
                    screenings.c.starts_at,
                ).where(which)
            )
        for row in rows:
            self._screenings[row.id] = Screening(
                id=row.id,
                state=row.state,
                row_count=row.row_count,
                seat_count=row.seat_count,
                starts_at=row.starts_at,
                sales_end=row.starts_at - self._sales_end,
            )
        return now
