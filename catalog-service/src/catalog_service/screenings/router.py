"""Sessions over HTTP: parse, call, show."""

from typing import Annotated

from cinema_shared.database import Transaction
from cinema_shared.http.fields import Id
from cinema_shared.http.pages import link_next
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import OptionalUser, StaffUser
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from catalog_service.screenings import listing, scheduling
from catalog_service.screenings.changes import Changes
from catalog_service.screenings.rules import OpeningHours
from catalog_service.screenings.schemas import (
    NewScreening,
    ScreeningChanges,
    ScreeningQuery,
    ScreeningReplacement,
    ScreeningView,
)
from catalog_service.settings import Settings

router = APIRouter(prefix="/session", route_class=StrictRoute, tags=["sessions"])

SessionId = Annotated[Id, Path()]


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _changes(request: Request) -> Changes:
    changes: Changes = request.app.state.changes
    return changes


OurSettings = Annotated[Settings, Depends(_settings)]
OurChanges = Annotated[Changes, Depends(_changes)]


@router.get("", response_model_exclude_unset=True)
async def list_sessions(
    _: OptionalUser,
    request: Request,
    response: Response,
    settings: OurSettings,
    transaction: Transaction,
    wanted: Annotated[ScreeningQuery, Query()],
) -> list[ScreeningView]:
    found = await listing.page(transaction, wanted, OpeningHours.of(settings))
    page = link_next(request, response, found, wanted.limit, listing.key)
    return [ScreeningView.of(row, with_tickets=wanted.tickets) for row in page]


@router.get("/{session_id}")
async def show_session(
    _: OptionalUser, session_id: SessionId, transaction: Transaction
) -> ScreeningView:
    return ScreeningView.of(await listing.read(transaction, session_id))


@router.post("", status_code=201)
async def create_session(
    _: StaffUser, settings: OurSettings, wanted: NewScreening, transaction: Transaction
) -> ScreeningView:
    screening_id = await scheduling.create(
        transaction, wanted, OpeningHours.of(settings), settings.currency
    )
    return ScreeningView.of(await listing.read(transaction, screening_id))


# Not `Transaction`: a change takes two of its own, see `changes.py`.
@router.put("/{session_id}")
async def replace_session(
    _: StaffUser, session_id: SessionId, wanted: ScreeningReplacement, changes: OurChanges
) -> ScreeningView:
    return ScreeningView.of(await changes.change(session_id, wanted.sent()))


@router.patch("/{session_id}")
async def change_session(
    _: StaffUser, session_id: SessionId, wanted: ScreeningChanges, changes: OurChanges
) -> ScreeningView:
    return ScreeningView.of(await changes.change(session_id, wanted.sent()))


@router.delete("/{session_id}", status_code=204)
async def remove_session(_: StaffUser, session_id: SessionId, changes: OurChanges) -> None:
    await changes.remove(session_id)
