"""The seat map over HTTP."""

from typing import Annotated

from cinema_shared.database import Transaction
from cinema_shared.http.fields import Id
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import OptionalUser
from fastapi import APIRouter, Path

from ticketing_service.seats import map as seat_map
from ticketing_service.seats.schemas import SeatMap

router = APIRouter(route_class=StrictRoute, tags=["seats"])


@router.get("/session/{session_id}/seats", response_model_exclude_none=True)
async def show_seats(
    session_id: Annotated[Id, Path()], transaction: Transaction, caller: OptionalUser
) -> SeatMap:
    return await seat_map.read(transaction, session_id, caller.user_id if caller else None)
