"""The halls, and what may be done with them once they have sessions."""

from collections.abc import Sequence
from typing import Any

from cinema_shared import outbox
from cinema_shared.events.catalog import SOURCE, HallData
from cinema_shared.events.envelope import event
from cinema_shared.http.pages import PageQuery
from sqlalchemy import Row, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog_service.halls.errors import HallInUse, HallNameTaken, HallNotFound
from catalog_service.halls.schemas import NewHall
from catalog_service.halls.tables import halls
from catalog_service.screenings import announcements
from catalog_service.screenings.tables import screenings


async def page(transaction: AsyncConnection, wanted: PageQuery) -> Sequence[Row[Any]]:
    """One page, and one row more where there is a next page."""
    query = select(halls).order_by(halls.c.id).limit(wanted.limit + 1)
    if after := wanted.after(1):
        query = query.where(halls.c.id > after[0])
    return (await transaction.execute(query)).all()


async def read(transaction: AsyncConnection, hall_id: int) -> Row[Any]:
    hall = (await transaction.execute(select(halls).where(halls.c.id == hall_id))).one_or_none()
    if hall is None:
        raise HallNotFound
    return hall


async def create(transaction: AsyncConnection, wanted: NewHall) -> Row[Any]:
    statement = insert(halls).values(wanted.model_dump())
    # The index decides whose name it is, also between two who ask at once.
    statement = statement.on_conflict_do_nothing(index_elements=[func.lower(halls.c.name)])
    hall: Row[Any] | None = (await transaction.execute(statement.returning(halls))).one_or_none()
    if hall is None:
        raise HallNameTaken
    await _publish(transaction, "created", hall, hall.version)
    return hall


async def change(transaction: AsyncConnection, hall_id: int, sent: dict[str, Any]) -> Row[Any]:
    before = await _lock(transaction, hall_id)
    new = {name: value for name, value in sent.items() if value != getattr(before, name)}
    if not new:
        return before
    if new.keys() & {"row_count", "seat_count"}:
        await _refuse_if_used(transaction, hall_id)
    statement = update(halls).where(halls.c.id == hall_id).returning(halls)
    new["version"] = halls.c.version + 1
    try:
        hall: Row[Any] = (await transaction.execute(statement.values(new))).one()
    except IntegrityError as error:
        raise HallNameTaken from error
    await _publish(transaction, "changed", hall, hall.version)
    if "name" in new:
        await announcements.renamed(transaction, screenings.c.hall_id == hall_id)
    return hall


async def remove(transaction: AsyncConnection, hall_id: int) -> None:
    hall = await _lock(transaction, hall_id)
    await _refuse_if_used(transaction, hall_id)
    await transaction.execute(delete(halls).where(halls.c.id == hall_id))
    await _publish(transaction, "removed", hall, hall.version + 1)


async def _lock(transaction: AsyncConnection, hall_id: int) -> Row[Any]:
    """Whoever schedules a session locks its hall too: none appears behind our back."""
    hall = (
        await transaction.execute(select(halls).where(halls.c.id == hall_id).with_for_update())
    ).one_or_none()
    if hall is None:
        raise HallNotFound
    return hall


async def _refuse_if_used(transaction: AsyncConnection, hall_id: int) -> None:
    if await transaction.scalar(
        select(exists(select(text("1")).where(screenings.c.hall_id == hall_id)))
    ):
        raise HallInUse


async def _publish(transaction: AsyncConnection, what: str, hall: Row[Any], version: int) -> None:
    data = HallData.model_validate(hall)
    await outbox.publish(
        transaction, event(SOURCE, f"hall.{what}", f"hall/{hall.id}", version, data)
    )
