"""The kinds of value that bodies hold."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cinema_shared.http import fields
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError


@given(st.integers(min_value=0, max_value=999_999_999))
def test_money_survives_being_written_and_read(minor_units: int) -> None:
    assert fields.parse_money(fields.format_money(minor_units)) == minor_units


@pytest.mark.parametrize(
    ("sent", "minor_units"),
    [("12.50", 1250), (12.5, 1250), (12, 1200), (12.0, 1200), ("0.1", 10), (0.29, 29), ("7", 700)],
)
def test_money(sent: Any, minor_units: int) -> None:
    assert TypeAdapter(fields.MoneyIn).validate_python(sent) == minor_units


@pytest.mark.parametrize(
    "sent",
    ["-1", -1, "NaN", math.nan, math.inf, 1e308, "1e2", "0x10", "12.345", 0.001, "", " 1"],
)
def test_what_is_no_money(sent: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(fields.MoneyIn).validate_python(sent)


@pytest.mark.parametrize("sent", [0, -1, 2**63, True, "0x10", "1.5", 1.5, None, math.nan, 1e308])
def test_what_is_no_id(sent: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(fields.Id).validate_python(sent)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2027-01-31T20:15:00Z", datetime(2027, 1, 31, 20, 15, tzinfo=UTC)),
        ("2027-01-31T20:15:00+02:00", datetime(2027, 1, 31, 18, 15, tzinfo=UTC)),
        ("2027-01-31T20:15", datetime(2027, 1, 31, 20, 15)),  # noqa: DTZ001
        ("2027-01-31 20:15:00", datetime(2027, 1, 31, 20, 15)),  # noqa: DTZ001
    ],
)
def test_times(sent: str, expected: datetime) -> None:
    assert TypeAdapter(fields.TimeIn).validate_python(sent) == expected


@pytest.mark.parametrize(
    "sent", [0, 1700000000, "1700000000", "2027-01-31", "tomorrow", "9999-01-01T00:00:00Z", True]
)
def test_what_is_no_time(sent: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(fields.TimeIn).validate_python(sent)


def test_times_are_written_in_utc() -> None:
    zone = datetime.strptime("2027-01-31T20:15:00+0200", "%Y-%m-%dT%H:%M:%S%z")
    assert fields.format_time(zone) == "2027-01-31T18:15:00Z"


@given(st.integers(min_value=0, max_value=999 * 3600))
def test_a_duration_survives_being_written_and_read(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert fields.parse_duration(fields.format_duration(span)) == span


@pytest.mark.parametrize("sent", ["1:00:00", "01:60:00", "01:00", 3600, "-01:00:00", "P1D", None])
def test_what_is_no_duration(sent: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        fields.parse_duration(sent)


@pytest.mark.parametrize("sent", ["a\x00b", "a\nb", "\ud800", "a\x7f", "", "   ", "x" * 201])
def test_what_is_no_name(sent: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(fields.Name).validate_python(sent)


@pytest.mark.parametrize("sent", [True, None, [], "1\n", "१", "99999999"])
def test_what_is_no_money_either(sent: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(fields.MoneyIn).validate_python(sent)
