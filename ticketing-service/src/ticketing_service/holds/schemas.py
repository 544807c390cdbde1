"""What clients send and see of holds."""

from typing import Annotated, Self

from cinema_shared.http.fields import Body, Id, TimeOut, View, refuse_bool
from pydantic import BeforeValidator, Field, field_validator

from ticketing_service.holds.locks import Held, Seat

# Any number may be asked for: whether there is such a seat, the hall knows.
SeatNumber = Annotated[int, BeforeValidator(refuse_bool), Field(ge=-(2**31), lt=2**31)]


class SeatBody(Body):
    row: SeatNumber
    seat: SeatNumber


class HoldRequest(Body):
    session: Id
    seats: Annotated[list[SeatBody], Field(min_length=1, max_length=100)]

    @field_validator("seats")
    @classmethod
    def _each_once(cls, seats: list[SeatBody]) -> list[SeatBody]:
        if len({(seat.row, seat.seat) for seat in seats}) < len(seats):
            raise ValueError("a seat is named twice")
        return seats

    @property
    def places(self) -> list[Seat]:
        return [(seat.row, seat.seat) for seat in self.seats]


class SeatView(View):
    row: int
    seat: int


class HoldView(View):
    id: str
    session: int
    seats: list[SeatView]
    expires_at: TimeOut

    @classmethod
    def of(cls, name: str, screening_id: int, held: Held) -> Self:
        return cls(
            id=name,
            session=screening_id,
            seats=[SeatView(row=row, seat=seat) for row, seat in held.seats],
            expires_at=held.expires_at,
        )
