"""The seat map over HTTP."""

from typing import Annotated

from cinema_shared.http.fields import Id
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import OptionalUser
from fastapi import APIRouter, Path, Request

from ticketing_service.seats.map import SeatMaps
from ticketing_service.seats.schemas import SeatMap

router = APIRouter(route_class=StrictRoute, tags=["seats"])


@router.get("/session/{session_id}/seats", response_model_exclude_none=True)
async def show_seats(
    request: Request, session_id: Annotated[Id, Path()], caller: OptionalUser
) -> SeatMap:
    """The live map: what is not in `taken` is free."""
    maps: SeatMaps = request.app.state.seat_maps
    return await maps.read(session_id, caller.user_id if caller else None)
