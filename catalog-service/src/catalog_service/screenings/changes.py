"""Changing or removing a screening that ticketing may be selling at this very moment.

Two databases have to agree, so the change is noted before ticketing is asked, and every way out
ends with an event that opens the screening again, or takes it away:

1. The intent is committed: a `change_id` in the screening's row. Whatever dies from here on, it is
   found there, and `reopen_abandoned` ends it.
2. In a second transaction, with the row locked, ticketing is asked to close the screening. It does
   so under a lock that a booking takes too, unless there are live tickets, and keeps it closed
   until a `session.*` event of a higher version arrives. Then the change is made, or it is not:
   either way the version grows and the event says what is true now, in one commit.

Late messages do no harm. Whoever asks, counts the version up in the end; ticketing refuses a
command of a lower version than the one that it knows, and reopens at a higher one. So a command
that lingers either comes too late, or is undone by the event that is already on its way. That is
why even a refusal for tickets is followed by an event: the command might be delivered again.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog
from cinema_shared.database import Database
from cinema_shared.events.commands import CloseScreening, CloseScreeningReply
from cinema_shared.messaging import topology
from cinema_shared.messaging.commands import CommandClient
from cinema_shared.problems import Problem, ServiceUnavailable
from sqlalchemy import Row, Update, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog_service.screenings import announcements, listing, scheduling
from catalog_service.screenings.announcements import Snapshot
from catalog_service.screenings.errors import (
    SessionBeingChanged,
    SessionHasTickets,
    SessionNotFound,
    TicketingUnavailable,
)
from catalog_service.screenings.rules import OpeningHours
from catalog_service.screenings.scheduling import Surroundings
from catalog_service.screenings.schemas import NewScreening
from catalog_service.screenings.tables import screenings
from catalog_service.settings import Settings

log = structlog.get_logger(__name__)

# How long ticketing may take to answer.
ASK_TIMEOUT_S: Final = 1.5
# No change that is alive can be this old: all its waits together are shorter.
ABANDONED_AFTER: Final = timedelta(seconds=10)
# How long one member of the staff waits for another who is changing the same session.
_TURN_TIMEOUT_S: Final = 2.0
_TURN_PAUSE_S: Final = 0.05
_SWEEP_BATCH: Final = 100

_ENDED: Final[dict[str, Any]] = {"change_id": None, "change_started_at": None}

Sent = dict[str, Any]


@dataclass(frozen=True)
class Intent:
    """The screening whose change has been noted, where it is, and what it shows."""

    id: uuid.UUID
    screening_id: int
    hall_id: int
    movie_id: int


class Changes:
    """The only way to change or remove a screening."""

    def __init__(self, database: Database, commands: CommandClient, settings: Settings) -> None:
        self._database = database
        self._commands = commands
        self._hours = OpeningHours.of(settings)
        self._currency = settings.currency

    async def change(self, screening_id: int, sent: Sent) -> Row[Any]:
        """The screening as it is afterwards: what was sent is new, the rest as it was."""
        intent = await self._declare(screening_id)
        async with self._database.transaction() as transaction:
            refusal = await self._carry_out(transaction, intent, sent)
            if refusal is None:
                return await listing.read(transaction, screening_id)
        raise refusal

    async def remove(self, screening_id: int) -> None:
        intent = await self._declare(screening_id)
        async with self._database.transaction() as transaction:
            refusal = await self._carry_out(transaction, intent, None)
        if refusal is not None:
            raise refusal

    async def _declare(self, screening_id: int) -> Intent:
        clock = asyncio.get_running_loop().time
        deadline = clock() + _TURN_TIMEOUT_S
        while True:
            async with self._database.transaction() as transaction:
                intent = await declare(transaction, screening_id)
                # No asyncio.timeout around it: on a frozen server that takes longer than the
                # server's own deadlines, as what was cancelled has to be cleaned up there.
                if clock() > deadline:
                    raise SessionBeingChanged
            if intent is not None:
                return intent
            await asyncio.sleep(_TURN_PAUSE_S)

    async def _carry_out(
        self, transaction: AsyncConnection, intent: Intent, sent: Sent | None
    ) -> Problem | None:
        """Change the screening, or remove it where nothing was sent; why not, if not.

        A refusal is returned, not raised: the transaction is committed with it.
        """
        surroundings = await scheduling.lock_surroundings(
            transaction,
            hall_ids=[] if sent is None else [sent.get("hall", intent.hall_id)],
            movie_ids=[] if sent is None else [sent.get("movie", intent.movie_id)],
        )
        screening = await _lock_own(transaction, intent)
        try:
            make = self._plan(screening, sent, surroundings)
        except Problem as refusal:
            # Nobody was asked yet, so nothing is closed.
            await transaction.execute(_row(intent.screening_id).values(_ENDED))
            return refusal

        [before] = await announcements.snapshots(transaction, [intent.screening_id])
        try:
            await self._close(before)
            await make(transaction, before)
        except Problem as refusal:
            await announcements.republish(transaction, [intent.screening_id], **_ENDED)
            return refusal
        return None

    def _plan(
        self, screening: Row[Any], sent: Sent | None, surroundings: Surroundings
    ) -> Callable[[AsyncConnection, Snapshot], Awaitable[None]]:
        if sent is None:
            return scheduling.remove
        kept = {
            "hall": screening.hall_id,
            "movie": screening.movie_id,
            "started_at": screening.starts_at,
            "price": screening.price_minor,
        }
        wanted = NewScreening.model_construct(**kept | sent)
        times = surroundings.plan(wanted, self._hours)
        return partial(scheduling.move, wanted=wanted, times=times, currency=self._currency)

    async def _close(self, screening: Snapshot) -> None:
        """Have ticketing stop selling it, or raise."""
        try:
            reply = await self._commands.ask(
                topology.TICKETING_COMMANDS.name,
                CloseScreening(session=screening.session, version=screening.version),
                CloseScreeningReply,
                timeout=ASK_TIMEOUT_S,
            )
        except ServiceUnavailable as error:
            raise TicketingUnavailable from error
        if reply.outcome == "has_tickets":
            raise SessionHasTickets
        if reply.outcome == "outdated":
            log.warning(
                "ticketing_is_ahead", session=screening.session.id, version=screening.version
            )
            raise TicketingUnavailable


async def declare(transaction: AsyncConnection, screening_id: int) -> Intent | None:
    """Note that a change begins; None while another one is under way."""
    abandoned = screenings.c.change_started_at < func.now() - ABANDONED_AFTER
    screening = (
        await transaction.execute(
            select(screenings, abandoned.label("abandoned"))
            .where(screenings.c.id == screening_id)
            .with_for_update()
        )
    ).one_or_none()
    if screening is None:
        raise SessionNotFound
    if screening.change_id is not None:
        if not screening.abandoned:
            return None
        await announcements.republish(transaction, [screening_id], **_ENDED)
    intent = Intent(uuid.uuid4(), screening_id, screening.hall_id, screening.movie_id)
    await transaction.execute(
        _row(screening_id).values(change_id=intent.id, change_started_at=func.now())
    )
    return intent


async def reopen_abandoned(database: Database) -> None:
    """End the changes whose maker died on the way. Any number of workers may do so at once."""
    query = (
        select(screenings.c.id)
        .where(screenings.c.change_started_at < func.now() - ABANDONED_AFTER)
        .where(screenings.c.change_id.is_not(None))
        .order_by(screenings.c.id)
        .limit(_SWEEP_BATCH)
        .with_for_update(skip_locked=True)
    )
    async with database.transaction() as transaction:
        ids = (await transaction.scalars(query)).all()
        if ids:
            await announcements.republish(transaction, ids, **_ENDED)
            log.warning("abandoned_changes_ended", sessions=ids)


async def _lock_own(transaction: AsyncConnection, intent: Intent) -> Row[Any]:
    """The screening, as long as the change is still ours: one that slept has lost it."""
    query = select(screenings).where(
        screenings.c.id == intent.screening_id, screenings.c.change_id == intent.id
    )
    screening = (await transaction.execute(query.with_for_update())).one_or_none()
    if screening is None:
        raise SessionBeingChanged
    return screening


def _row(screening_id: int) -> Update:
    return update(screenings).where(screenings.c.id == screening_id)
