"""When a screening may take place: by the clock on the cinema's wall, also when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from catalog_service.screenings.rules import OpeningHours, SessionTimeError
from catalog_service.settings import Settings
from pydantic import ValidationError

VIENNA = ZoneInfo("Europe/Vienna")
HOURS = OpeningHours(VIENNA, time(8), time(23), timedelta(minutes=25))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FILM = timedelta(hours=2)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_without_an_offset_a_time_is_the_cinemas() -> None:
    times = HOURS.plan(at("2027-07-01T20:00:00"), FILM, LONG_AGO)
    assert times.starts_at == at("2027-07-01T18:00:00+00:00")
    assert times.ends_at == at("2027-07-01T20:00:00+00:00")
    assert times.busy_until == at("2027-07-01T20:25:00+00:00")
    assert times.starts_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "duration"),
    [
        ("2027-07-01T08:00:00", FILM),
        ("2027-07-01T06:00:00+00:00", FILM),
        ("2027-07-01T20:35:00", FILM),  # 22:35, and 25 minutes
        ("2027-07-01T08:00:00", timedelta(hours=14, minutes=35)),  # the whole day
    ],
)
def test_fits(start: str, duration: timedelta) -> None:
    HOURS.plan(at(start), duration, LONG_AGO)


@pytest.mark.parametrize(
    ("start", "duration"),
    [
        ("2027-07-01T07:59:59", FILM),
        ("2027-07-01T07:00:00+00:00", timedelta(hours=13, minutes=36)),
        ("2027-07-01T20:35:01", FILM),
        ("2027-07-01T22:34:00", timedelta(minutes=2)),
        ("2027-07-01T23:30:00", FILM),
        ("2027-07-01T00:30:00", FILM),
        ("2027-07-01T20:00:00", timedelta(days=1)),
    ],
)
def test_does_not_fit(start: str, duration: timedelta) -> None:
    with pytest.raises(SessionTimeError):
        HOURS.plan(at(start), duration, LONG_AGO)


def test_the_past_is_over() -> None:
    now = at("2027-07-01T12:00:00+02:00")
    HOURS.plan(now, FILM, now)
    with pytest.raises(SessionTimeError, match="past"):
        HOURS.plan(now - timedelta(microseconds=1), FILM, now)


def test_a_night_in_which_clocks_go_back_is_an_hour_longer() -> None:
    """By the clock alone, 00:30 to 02:50 would be 2 hours 20; it is 3 hours 20."""
    nights = OpeningHours(VIENNA, time(0), time(4), timedelta(minutes=10))
    start = at("2027-10-31T00:30:00")
    times = nights.plan(start, timedelta(hours=4, minutes=20), LONG_AGO)
    assert times.busy_until.astimezone(VIENNA).time() == time(4)
    with pytest.raises(SessionTimeError):
        nights.plan(start, timedelta(hours=4, minutes=21), LONG_AGO)


def test_a_night_in_which_clocks_go_forward_is_an_hour_shorter() -> None:
    nights = OpeningHours(VIENNA, time(0), time(4), timedelta(minutes=10))
    start = at("2027-03-28T00:30:00")
    nights.plan(start, timedelta(hours=2, minutes=20), LONG_AGO)
    with pytest.raises(SessionTimeError):
        nights.plan(start, timedelta(hours=2, minutes=21), LONG_AGO)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2027, 3, 28), 23), (date(2027, 7, 1), 24), (date(2027, 10, 31), 25)]
)
def test_a_day_lasts_from_midnight_to_midnight(day: date, hours: int) -> None:
    start, end = HOURS.day(day)
    assert start.astimezone(VIENNA).time() == end.astimezone(VIENNA).time() == time()
    assert end - start == timedelta(hours=hours)


def test_a_cinema_opens_before_it_closes() -> None:
    with pytest.raises(ValidationError, match="CLOSING_TIME"):
        Settings(
            catalog_database_url="postgresql://a:b@h/d",
            rabbitmq_url="amqp://a:b@h",
            opening_time=time(20),
            closing_time=time(2),
        )
