"""Holds over HTTP."""

import hashlib

from cinema_shared.http.fields import NoBody
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import CurrentUser
from fastapi import APIRouter, Request

from ticketing_service.holds.schemas import HoldRequest, HoldView
from ticketing_service.holds.service import Holds
from ticketing_service.idempotency.once import IdempotencyKey

router = APIRouter(route_class=StrictRoute, tags=["holds"])


def _holds(request: Request) -> Holds:
    holds: Holds = request.app.state.holds
    return holds


@router.post("/hold", status_code=201)
async def create_hold(
    request: Request, wanted: HoldRequest, caller: CurrentUser, key: IdempotencyKey = None
) -> HoldView:
    """Hold seats for ten minutes: all of them or none."""
    name, held = await _holds(request).create(
        wanted.session,
        wanted.places,
        caller.user_id,
        key=key,
        fingerprint=hashlib.sha256(wanted.model_dump_json().encode()).hexdigest(),
    )
    return HoldView.of(name, wanted.session, held)


@router.get("/hold/{hold_id}")
async def show_hold(request: Request, hold_id: str, caller: CurrentUser) -> HoldView:
    hold, held = await _holds(request).show(hold_id, caller.user_id)
    return HoldView.of(hold_id, hold.screening_id, held)


@router.patch("/hold/{hold_id}")
async def extend_hold(
    request: Request, hold_id: str, caller: CurrentUser, _: NoBody | None = None
) -> HoldView:
    """Ten minutes from now, but never past twenty from its making."""
    hold, held = await _holds(request).extend(hold_id, caller.user_id)
    return HoldView.of(hold_id, hold.screening_id, held)


@router.delete("/hold/{hold_id}", status_code=204)
async def release_hold(request: Request, hold_id: str, caller: CurrentUser) -> None:
    """The seats are free at once."""
    await _holds(request).release(hold_id, caller.user_id)
