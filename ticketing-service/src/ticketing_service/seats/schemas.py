"""What clients see of a screening's seats."""

from typing import Literal

from cinema_shared.http.fields import View
from pydantic import Field


class TakenSeat(View):
    row: int
    seat: int
    state: Literal["held", "sold"]
    mine: Literal[True] | None = Field(
        default=None, description="Set on the caller's own seats, when a token is sent"
    )


class SeatMap(View):
    """`seat_count` is seats per row; what is not in `taken` is free."""

    session: int
    row_count: int
    seat_count: int
    version: int
    taken: list[TakenSeat]
