"""What the suite is told about sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cinema_shared import outbox
from cinema_shared.events.catalog import SOURCE, HallData, MovieData, SessionData
from cinema_shared.events.envelope import event
from cinema_shared.http.fields import format_duration, format_money
from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog_service.halls.tables import halls
from catalog_service.movies.tables import movies
from catalog_service.screenings.tables import screenings


@dataclass(frozen=True)
class Snapshot:
    """A session as events show it, and the version of which this is true."""

    session: SessionData
    version: int
    # Somebody is changing it (`changes.py`): ticketing may have been asked to close it.
    changing: bool


async def snapshots(transaction: AsyncConnection, ids: Sequence[int]) -> list[Snapshot]:
    """As they are now, in the order of their ids."""
    query = (
        select(
            screenings,
            halls.c.name.label("hall_name"),
            halls.c.row_count,
            halls.c.seat_count,
            movies.c.name.label("movie_name"),
            movies.c.duration,
        )
        .join(halls, halls.c.id == screenings.c.hall_id)
        .join(movies, movies.c.id == screenings.c.movie_id)
        .where(_among(ids))
        .order_by(screenings.c.id)
    )
    return [
        Snapshot(
            SessionData(
                id=row.id,
                hall=HallData(
                    id=row.hall_id,
                    name=row.hall_name,
                    row_count=row.row_count,
                    seat_count=row.seat_count,
                ),
                movie=MovieData(
                    id=row.movie_id, name=row.movie_name, duration=format_duration(row.duration)
                ),
                started_at=row.starts_at,
                ends_at=row.ends_at,
                price=format_money(row.price_minor),
                currency=row.currency,
            ),
            row.version,
            row.change_id is not None,
        )
        for row in await transaction.execute(query)
    ]


async def publish(transaction: AsyncConnection, what: str, *changed: Snapshot) -> None:
    await outbox.publish(
        transaction,
        *(
            event(
                SOURCE,
                f"session.{what}",
                f"session/{snapshot.session.id}",
                snapshot.version,
                snapshot.session,
            )
            for snapshot in changed
        ),
    )


async def republish(transaction: AsyncConnection, ids: Sequence[int], **values: Any) -> None:
    """Count the versions up, and tell what these sessions are like, changed or not.

    A listener that had closed one for a change opens it again.
    """
    await transaction.execute(
        update(screenings).where(_among(ids)).values(version=screenings.c.version + 1, **values)
    )
    await publish(transaction, "changed", *await snapshots(transaction, ids))


async def renamed(transaction: AsyncConnection, whose: ColumnElement[bool]) -> None:
    """A hall or movie has a new name, and the events of its coming sessions carry it."""
    query = (
        select(screenings.c.id)
        .where(whose, screenings.c.starts_at > func.now())
        # In one order, for everybody who renames: nobody waits for somebody who waits for him.
        .order_by(screenings.c.id)
        .with_for_update()
    )
    await republish(transaction, (await transaction.scalars(query)).all())


def _among(ids: Sequence[int]) -> ColumnElement[bool]:
    """One parameter, however many ids: the protocol's limit is 32,767 of them."""
    return screenings.c.id == any_(literal(list(ids), ARRAY(BigInteger)))
