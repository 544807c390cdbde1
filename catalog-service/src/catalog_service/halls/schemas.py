"""Halls on the wire."""

from typing import Annotated

from cinema_shared.http.fields import Body, Name, View, refuse_bool
from pydantic import BeforeValidator, Field

from catalog_service.bodies import LEFT_OUT, Changes

# Larger than any hall there is, and small enough for a seat map to be sent in one piece.
Seats = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, le=200)]


class NewHall(Body):
    name: Name
    row_count: Seats
    seat_count: Annotated[Seats, Field(description="Seats in each row")]


class HallChanges(Changes):
    name: Name = LEFT_OUT
    row_count: Seats = LEFT_OUT
    seat_count: Seats = LEFT_OUT


class HallView(View):
    id: int
    name: str
    row_count: int
    seat_count: int
