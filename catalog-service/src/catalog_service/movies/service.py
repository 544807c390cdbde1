"""The movies, and what may be done with them once they have sessions."""

from collections.abc import Sequence
from typing import Any

from cinema_shared import outbox
from cinema_shared.events.catalog import SOURCE, MovieData
from cinema_shared.events.envelope import event
from cinema_shared.http.fields import format_duration
from sqlalchemy import Row, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog_service.movies.errors import MovieInUse, MovieNameTaken, MovieNotFound
from catalog_service.movies.schemas import MovieQuery, NewMovie
from catalog_service.movies.tables import movies
from catalog_service.screenings import announcements
from catalog_service.screenings.tables import screenings


async def page(transaction: AsyncConnection, wanted: MovieQuery) -> Sequence[Row[Any]]:
    """One page, and one row more where there is a next page."""
    query = select(movies).order_by(movies.c.id).limit(wanted.limit + 1)
    if wanted.search:
        query = query.where(movies.c.name.icontains(wanted.search, autoescape=True))
    if after := wanted.after(1):
        query = query.where(movies.c.id > after[0])
    return (await transaction.execute(query)).all()


async def read(transaction: AsyncConnection, movie_id: int) -> Row[Any]:
    movie = (await transaction.execute(select(movies).where(movies.c.id == movie_id))).one_or_none()
    if movie is None:
        raise MovieNotFound
    return movie


async def create(transaction: AsyncConnection, wanted: NewMovie) -> Row[Any]:
    statement = insert(movies).values(name=wanted.name, duration=wanted.duration)
    # The index decides whose name it is, also between two who ask at once.
    statement = statement.on_conflict_do_nothing(index_elements=[func.lower(movies.c.name)])
    movie: Row[Any] | None = (await transaction.execute(statement.returning(movies))).one_or_none()
    if movie is None:
        raise MovieNameTaken
    await _publish(transaction, "created", movie, movie.version)
    return movie


async def change(transaction: AsyncConnection, movie_id: int, sent: dict[str, Any]) -> Row[Any]:
    before = await _lock(transaction, movie_id)
    new = {name: value for name, value in sent.items() if value != getattr(before, name)}
    if not new:
        return before
    if "duration" in new:
        await _refuse_if_used(transaction, movie_id)
    statement = update(movies).where(movies.c.id == movie_id).returning(movies)
    new["version"] = movies.c.version + 1
    try:
        movie: Row[Any] = (await transaction.execute(statement.values(new))).one()
    except IntegrityError as error:
        raise MovieNameTaken from error
    await _publish(transaction, "changed", movie, movie.version)
    if "name" in new:
        await announcements.renamed(transaction, screenings.c.movie_id == movie_id)
    return movie


async def remove(transaction: AsyncConnection, movie_id: int) -> None:
    movie = await _lock(transaction, movie_id)
    await _refuse_if_used(transaction, movie_id)
    await transaction.execute(delete(movies).where(movies.c.id == movie_id))
    await _publish(transaction, "removed", movie, movie.version + 1)


async def _lock(transaction: AsyncConnection, movie_id: int) -> Row[Any]:
    """Whoever schedules a session locks its movie too: none appears behind our back."""
    movie = (
        await transaction.execute(select(movies).where(movies.c.id == movie_id).with_for_update())
    ).one_or_none()
    if movie is None:
        raise MovieNotFound
    return movie


async def _refuse_if_used(transaction: AsyncConnection, movie_id: int) -> None:
    """Sessions that are over count too: what was sold stays as it was sold."""
    if await transaction.scalar(
        select(exists(select(text("1")).where(screenings.c.movie_id == movie_id)))
    ):
        raise MovieInUse


async def _publish(transaction: AsyncConnection, what: str, movie: Row[Any], version: int) -> None:
    data = MovieData(id=movie.id, name=movie.name, duration=format_duration(movie.duration))
    await outbox.publish(
        transaction, event(SOURCE, f"movie.{what}", f"movie/{movie.id}", version, data)
    )
