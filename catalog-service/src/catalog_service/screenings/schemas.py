"""Sessions on the wire."""

import re
from datetime import date
from typing import Annotated, Any

from cinema_shared.http.fields import Body, Id, MoneyIn, MoneyOut, ReadOnly, TimeIn, TimeOut, View
from cinema_shared.http.pages import PageQuery
from pydantic import BeforeValidator, Field
from sqlalchemy import Row
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from catalog_service.bodies import LEFT_OUT, Changes


class NewScreening(Body):
    hall: Id
    movie: Id
    started_at: TimeIn
    price: MoneyIn


class _ScreeningChanges(Changes):
    tickets: ReadOnly
    seats_total: ReadOnly
    seats_taken: ReadOnly


class ScreeningReplacement(_ScreeningChanges):
    hall: Id
    movie: Id
    started_at: TimeIn
    price: MoneyIn


class ScreeningChanges(_ScreeningChanges):
    hall: Id = LEFT_OUT
    movie: Id = LEFT_OUT
    started_at: TimeIn = LEFT_OUT
    price: MoneyIn = LEFT_OUT


class TakenSeat(TypedDict):
    """A mere dictionary: a page may show 15,000 of these."""

    row: int
    seat: int


class ScreeningView(View):
    """`tickets` are the seats that are booked or paid."""

    id: int
    hall: int
    movie: int
    started_at: TimeOut
    price: MoneyOut
    tickets: Annotated[list[TakenSeat], Field(default_factory=list)]
    seats_total: int
    seats_taken: int

    @classmethod
    def of(cls, row: Row[Any], *, with_tickets: bool = True) -> "ScreeningView":
        """Unchecked, since all of it comes from our own tables."""
        values: dict[str, Any] = {
            "id": row.id,
            "hall": row.hall_id,
            "movie": row.movie_id,
            "started_at": row.starts_at,
            "price": row.price_minor,
            "seats_total": row.seats_total,
            "seats_taken": row.seats_taken,
        }
        if with_tickets:
            values["tickets"] = [
                TakenSeat(row=row_number, seat=seat)
                for row_number, seat in zip(row.rows or (), row.seats or (), strict=True)
            ]
        return ScreeningView.model_construct(**values)


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _day(value: object) -> object:
    if isinstance(value, str) and _DAY.fullmatch(value) and "1900" <= value[:4] <= "9000":
        return value
    raise ValueError("a day such as 2027-01-31 is expected")


# Not what pydantic takes for a day, which is any number of seconds too.
Day = Annotated[date, BeforeValidator(_day)]


class ScreeningQuery(PageQuery):
    """Without `include_past`, those that have not started yet."""

    movie: Id | None = None
    hall: Id | None = None
    date: Day | None = Field(default=None, description="A day of the cinema's timezone")
    since: TimeIn | None = Field(default=None, alias="from", description="Inclusive")
    until: TimeIn | None = Field(default=None, alias="to", description="Exclusive")
    include_past: bool = False
    tickets: bool = Field(default=True, description="false leaves `tickets` out")
