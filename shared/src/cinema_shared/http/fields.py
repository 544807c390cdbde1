"""The kinds of value that bodies hold: identifiers, money, times, durations."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

_MONEY = re.compile(r"\d{1,7}(\.\d{1,2})?", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_DURATION = re.compile(r"(\d{2,3}):([0-5]\d):([0-5]\d)", re.ASCII)
_MAX_ID = 2**63 - 1
# Far enough for any programme, and no sum of time and duration can leave the calendar.
_LAST_YEAR = 9000


class Body(BaseModel):
    """A request's body: a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class NoBody(Body):
    """Of an endpoint that takes no fields; `{}` will do."""


class View(BaseModel):
    """What an answer shows."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


ReadOnly = Annotated[
    Any, Field(default=None, exclude=True, description="Accepted in PUT and PATCH; changes nothing")
]


def refuse_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is expected here, not true or false")
    return value


Id = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, le=_MAX_ID)]
Count = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, le=1000)]


def clean_text(value: str) -> str:
    """Text that can be stored and shown: no control characters, no lone surrogates."""
    if any(
        ord(letter) < 32 or 0xD800 <= ord(letter) <= 0xDFFF or ord(letter) == 127
        for letter in value
    ):
        raise ValueError("control characters are not allowed")
    return value


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Name = Annotated[
    str,
    BeforeValidator(_stripped),
    # The length first: a megabyte is refused without being looked through.
    Field(min_length=1, max_length=200),
    AfterValidator(clean_text),
]


def parse_money(value: object) -> int:
    """Minor units from `"12.50"` or 12.5: at most two decimals, never negative."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError('an amount such as "12.50" is expected')
    text = value if isinstance(value, str) else str(value)
    if text.endswith(".0") and isinstance(value, float):
        text = text[:-2]
    if not _MONEY.fullmatch(text):
        raise ValueError('an amount such as "12.50" is expected, with two decimals at most')
    return int(Decimal(text) * 100)


def format_money(minor_units: int) -> str:
    """`"12.50"` from 1250."""
    return f"{minor_units // 100}.{minor_units % 100:02d}"


MoneyIn = Annotated[
    int,
    BeforeValidator(parse_money),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d{1,7}(\.\d{1,2})?$"},
                {"type": "number", "minimum": 0, "multipleOf": 0.01, "maximum": 9999999},
            ],
            "examples": ["12.50"],
        }
    ),
]
MoneyOut = Annotated[
    int,
    PlainSerializer(format_money, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\.\d{2}$", "examples": ["12.50"]}),
]


def _parse_time(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("a time such as 2027-01-31T20:15:00Z is expected")
    return value


def _in_calendar(value: datetime) -> datetime:
    if not 1900 <= value.year <= _LAST_YEAR:
        raise ValueError("that year is out of range")
    return value


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


TimeIn = Annotated[
    datetime,
    BeforeValidator(_parse_time),
    AfterValidator(_in_calendar),
    Field(description="RFC 3339; without an offset, in the cinema's own timezone"),
]
TimeOut = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def parse_duration(value: object) -> object:
    """A span of time from `"HH:MM:SS"`."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a duration such as "01:45:00" is expected')
    hours, minutes, seconds = map(int, match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def format_duration(value: timedelta) -> str:
    """`"HH:MM:SS"`."""
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{2,3}:[0-5]\d:[0-5]\d$", "examples": ["01:45:00"]}
    ),
]
