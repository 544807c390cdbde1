"""What clients may send: a field left out is kept, null is no value, read-only ones are nothing."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from catalog_service.halls.schemas import HallChanges, NewHall
from catalog_service.movies.schemas import MovieChanges, MovieQuery, NewMovie
from catalog_service.screenings.schemas import (
    NewScreening,
    ScreeningChanges,
    ScreeningQuery,
    ScreeningReplacement,
)
from pydantic import BaseModel, ValidationError

SESSION: dict[str, Any] = {
    "hall": 1,
    "movie": 2,
    "started_at": "2027-01-31T20:15:00Z",
    "price": "12.50",
}
READ_ONLY = {"id": 7, "tickets": [{"row": 1, "seat": 1}], "seats_total": 300, "seats_taken": 1}


def test_what_is_left_out_was_not_sent() -> None:
    assert ScreeningChanges.model_validate({}).sent() == {}
    assert ScreeningChanges.model_validate({"price": 13}).sent() == {"price": 1300}


def test_read_only_fields_are_accepted_and_are_nothing() -> None:
    sent = ScreeningReplacement.model_validate(SESSION | READ_ONLY).sent()
    started_at = datetime(2027, 1, 31, 20, 15, tzinfo=UTC)
    assert sent == {"hall": 1, "movie": 2, "started_at": started_at, "price": 1250}
    assert HallChanges.model_validate({"id": 3, "name": "Red"}).sent() == {"name": "Red"}
    assert MovieChanges.model_validate({"id": 3}).sent() == {}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (ScreeningChanges, {"price": None}),
        (ScreeningChanges, {"started_at": None}),
        (ScreeningChanges, {"seats": 3}),
        (ScreeningReplacement, {"price": 3}),
        (NewScreening, SESSION | {"id": 7}),
        (NewScreening, SESSION | {"hall": True}),
        (NewScreening, SESSION | {"hall": "0x10"}),
        (NewScreening, SESSION | {"hall": 1.5}),
        (NewScreening, SESSION | {"hall": 2**63}),
        (NewScreening, SESSION | {"price": -1}),
        (NewScreening, SESSION | {"price": "1.005"}),
        (NewScreening, SESSION | {"price": float("nan")}),
        (NewScreening, SESSION | {"price": 1e308}),
        (NewScreening, SESSION | {"price": "0x10"}),
        (NewScreening, SESSION | {"started_at": 1800000000}),
        (NewScreening, SESSION | {"started_at": "2027-02-30T20:15:00Z"}),
        (NewScreening, SESSION | {"started_at": "9999-12-31T23:59:59Z"}),
        (HallChanges, {"row_count": None}),
        (NewHall, {"name": "", "row_count": 1, "seat_count": 1}),
        (NewHall, {"name": "a\x00b", "row_count": 1, "seat_count": 1}),
        (NewHall, {"name": "a", "row_count": 0, "seat_count": 1}),
        (NewHall, {"name": "a", "row_count": 201, "seat_count": 1}),
        (NewMovie, {"name": "a", "duration": "00:00:00"}),
        (NewMovie, {"name": "a", "duration": "24:00:01"}),
        (NewMovie, {"name": "a", "duration": 90}),
        (NewMovie, {"name": "a", "duration": "01:60:00"}),
        (MovieQuery, {"search": "a\x00"}),
        (MovieQuery, {"search": "a" * 201}),
        (ScreeningQuery, {"date": "1798761600"}),
        (ScreeningQuery, {"date": "2027-02-30"}),
        (ScreeningQuery, {"date": "9999-12-31"}),
        (ScreeningQuery, {"since": "2027-01-31T20:15:00Z"}),
        (ScreeningQuery, {"limit": 201}),
    ],
)
def test_refused(model: type[BaseModel], body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(body)


def test_queries() -> None:
    wanted = ScreeningQuery.model_validate(
        {"from": "2027-01-31T20:15:00", "to": "2027-02-01T00:00:00Z", "date": "2027-01-31"}
    )
    assert wanted.since == datetime(2027, 1, 31, 20, 15)  # noqa: DTZ001  (of the cinema's timezone)
    assert wanted.until == datetime(2027, 2, 1, tzinfo=UTC)
    assert wanted.date == date(2027, 1, 31)
    assert wanted.tickets
    assert not wanted.include_past


def test_a_documents_optional_fields_are_not_nullable() -> None:
    price = ScreeningChanges.model_json_schema()["properties"]["price"]
    assert "default" not in price
    assert {"type": "null"} not in price["anyOf"]


def test_names_are_trimmed_and_durations_read() -> None:
    movie = NewMovie.model_validate({"name": "  Metropolis ", "duration": "02:33:00"})
    assert (movie.name, movie.duration) == ("Metropolis", timedelta(hours=2, minutes=33))
