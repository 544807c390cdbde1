"""Writing the programme: into which hall, at what time, and next to what else.

Locks are taken in one order, by everybody: halls, movies, screenings; of each kind by number.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from cinema_shared.problems import invalid
from sqlalchemy import Row, Select, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog_service.halls.tables import halls
from catalog_service.movies.tables import movies
from catalog_service.screenings import announcements
from catalog_service.screenings.announcements import Snapshot
from catalog_service.screenings.errors import SessionIntersects
from catalog_service.screenings.rules import OpeningHours, Times
from catalog_service.screenings.schemas import NewScreening
from catalog_service.screenings.tables import screenings

_EXCLUSION_VIOLATION = "23P01"


@dataclass(frozen=True)
class Surroundings:
    """The halls and movies of a change, which stay as they are while the transaction lasts."""

    halls: dict[int, Row[Any]]
    movies: dict[int, Row[Any]]
    now: datetime

    def plan(self, wanted: NewScreening, hours: OpeningHours) -> Times:
        """Raise for a hall or movie that is not there, and for a time that cannot be."""
        if wanted.hall not in self.halls:
            raise invalid("hall", "there is no such hall")
        if wanted.movie not in self.movies:
            raise invalid("movie", "there is no such movie")
        return hours.plan(wanted.started_at, self.movies[wanted.movie].duration, self.now)


async def lock_surroundings(
    transaction: AsyncConnection, *, hall_ids: Collection[int], movie_ids: Collection[int]
) -> Surroundings:
    """Lock halls against rebuilding and removal, and against others who schedule in them.

    Without the latter two who write overlapping rows at once would each wait for the other at the
    exclusion constraint, until PostgreSQL ends one of them as a deadlock, a second later.
    """
    return Surroundings(
        halls=await _by_id(transaction, _those(halls, hall_ids).with_for_update(key_share=True)),
        movies=await _by_id(transaction, _those(movies, movie_ids).with_for_update(read=True)),
        now=(await transaction.execute(select(func.now()))).scalar_one(),
    )


def _those(table: Table, ids: Collection[int]) -> Select[Any]:
    return select(table).where(table.c.id.in_(ids)).order_by(table.c.id)


async def _by_id(transaction: AsyncConnection, query: Select[Any]) -> dict[int, Row[Any]]:
    return {row.id: row for row in await transaction.execute(query)}


async def create(
    transaction: AsyncConnection, wanted: NewScreening, hours: OpeningHours, currency: str
) -> int:
    """The id of the new screening."""
    surroundings = await lock_surroundings(
        transaction, hall_ids=[wanted.hall], movie_ids=[wanted.movie]
    )
    times = surroundings.plan(wanted, hours)
    statement = insert(screenings).values(_row(wanted, times, currency))
    async with _alone_in_its_hall(transaction, wanted.hall, times):
        screening_id: int = (
            await transaction.execute(statement.returning(screenings.c.id))
        ).scalar_one()
    created = await announcements.snapshots(transaction, [screening_id])
    await announcements.publish(transaction, "created", *created)
    return screening_id


async def move(
    transaction: AsyncConnection,
    before: Snapshot,
    *,
    wanted: NewScreening,
    times: Times,
    currency: str,
) -> None:
    """Make the screening what is wanted, and end the change that it was in."""
    screening_id = before.session.id
    statement = (
        update(screenings)
        .where(screenings.c.id == screening_id)
        .values(_row(wanted, times, currency))
        .values(version=screenings.c.version + 1, change_id=None, change_started_at=None)
    )
    async with _alone_in_its_hall(transaction, wanted.hall, times, itself=screening_id):
        await transaction.execute(statement)
    changed = await announcements.snapshots(transaction, [screening_id])
    await announcements.publish(transaction, "changed", *changed)


async def remove(transaction: AsyncConnection, before: Snapshot) -> None:
    await transaction.execute(delete(screenings).where(screenings.c.id == before.session.id))
    removed = replace(before, version=before.version + 1)
    await announcements.publish(transaction, "removed", removed)


def _row(wanted: NewScreening, times: Times, currency: str) -> dict[str, Any]:
    return {
        "hall_id": wanted.hall,
        "movie_id": wanted.movie,
        "price_minor": wanted.price,
        "currency": currency,
        **asdict(times),
    }


@asynccontextmanager
async def _alone_in_its_hall(
    transaction: AsyncConnection, hall_id: int, times: Times, *, itself: int | None = None
) -> AsyncIterator[None]:
    """Raise `SessionIntersects` where the exclusion constraint refuses what is done inside."""
    try:
        async with transaction.begin_nested():
            yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != _EXCLUSION_VIOLATION:
            raise
        overlapping = func.tstzrange(screenings.c.starts_at, screenings.c.busy_until).op("&&")(
            func.tstzrange(times.starts_at, times.busy_until)
        )
        query = (
            select(screenings.c.id)
            .where(screenings.c.hall_id == hall_id, screenings.c.id != (itself or 0), overlapping)
            .order_by(screenings.c.starts_at)
            .limit(1)
        )
        # The hall is locked: what is in our way cannot have gone meanwhile, unless it was removed.
        raise SessionIntersects(conflicts_with=await transaction.scalar(query)) from error
