"""Lets bookings lapse that nobody paid in time. Any number of workers may sweep at once."""

from datetime import timedelta
from typing import Final

import structlog
from cinema_shared.database import Database

from ticketing_service.tickets import transitions

log = structlog.get_logger(__name__)

_BATCH: Final = 200


async def expire_unpaid(database: Database, sales_end: timedelta) -> None:
    """Expire all that is due now, in small transactions."""
    while True:
        async with database.transaction() as transaction:
            expired = await transitions.expire(transaction, sales_end, _BATCH)
        if expired:
            log.info("tickets_expired", count=len(expired))
        if len(expired) < _BATCH:
            return
