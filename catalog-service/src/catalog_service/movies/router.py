"""Movies over HTTP: parse, call, show."""

from collections.abc import Sequence
from typing import Annotated, Any

from cinema_shared.database import Transaction
from cinema_shared.http.fields import Id
from cinema_shared.http.pages import link_next
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import OptionalUser, StaffUser
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Row

from catalog_service.movies import service
from catalog_service.movies.schemas import (
    MovieChanges,
    MovieQuery,
    MovieReplacement,
    MovieView,
    NewMovie,
)

router = APIRouter(prefix="/movie", route_class=StrictRoute, tags=["movies"])

MovieId = Annotated[Id, Path()]


@router.get("", response_model=list[MovieView])
async def list_movies(
    _: OptionalUser,
    request: Request,
    response: Response,
    transaction: Transaction,
    wanted: Annotated[MovieQuery, Query()],
) -> Sequence[Row[Any]]:
    found = await service.page(transaction, wanted)
    return link_next(request, response, found, wanted.limit, lambda movie: (movie.id,))


@router.get("/{movie_id}", response_model=MovieView)
async def show_movie(_: OptionalUser, movie_id: MovieId, transaction: Transaction) -> Row[Any]:
    return await service.read(transaction, movie_id)


@router.post("", status_code=201, response_model=MovieView)
async def create_movie(_: StaffUser, wanted: NewMovie, transaction: Transaction) -> Row[Any]:
    return await service.create(transaction, wanted)


@router.put("/{movie_id}", response_model=MovieView)
async def replace_movie(
    _: StaffUser, movie_id: MovieId, changes: MovieReplacement, transaction: Transaction
) -> Row[Any]:
    return await service.change(transaction, movie_id, changes.sent())


@router.patch("/{movie_id}", response_model=MovieView)
async def change_movie(
    _: StaffUser, movie_id: MovieId, changes: MovieChanges, transaction: Transaction
) -> Row[Any]:
    return await service.change(transaction, movie_id, changes.sent())


@router.delete("/{movie_id}", status_code=204)
async def remove_movie(_: StaffUser, movie_id: MovieId, transaction: Transaction) -> None:
    await service.remove(transaction, movie_id)
