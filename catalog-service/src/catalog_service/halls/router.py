"""Halls over HTTP: parse, call, show."""

from collections.abc import Sequence
from typing import Annotated, Any

from cinema_shared.database import Transaction
from cinema_shared.http.fields import Id
from cinema_shared.http.pages import PageQuery, link_next
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import OptionalUser, StaffUser
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Row

from catalog_service.halls import service
from catalog_service.halls.schemas import HallChanges, HallView, NewHall

router = APIRouter(prefix="/hall", route_class=StrictRoute, tags=["halls"])

HallId = Annotated[Id, Path()]


@router.get("", response_model=list[HallView])
async def list_halls(
    _: OptionalUser,
    request: Request,
    response: Response,
    transaction: Transaction,
    wanted: Annotated[PageQuery, Query()],
) -> Sequence[Row[Any]]:
    found = await service.page(transaction, wanted)
    return link_next(request, response, found, wanted.limit, lambda hall: (hall.id,))


@router.get("/{hall_id}", response_model=HallView)
async def show_hall(_: OptionalUser, hall_id: HallId, transaction: Transaction) -> Row[Any]:
    return await service.read(transaction, hall_id)


@router.post("", status_code=201, response_model=HallView)
async def create_hall(_: StaffUser, wanted: NewHall, transaction: Transaction) -> Row[Any]:
    return await service.create(transaction, wanted)


@router.patch("/{hall_id}", response_model=HallView)
async def change_hall(
    _: StaffUser, hall_id: HallId, changes: HallChanges, transaction: Transaction
) -> Row[Any]:
    return await service.change(transaction, hall_id, changes.sent())


@router.delete("/{hall_id}", status_code=204)
async def remove_hall(_: StaffUser, hall_id: HallId, transaction: Transaction) -> None:
    await service.remove(transaction, hall_id)
