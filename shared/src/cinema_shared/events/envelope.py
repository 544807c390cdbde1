"""The envelope: CloudEvents 1.0, JSON format, one event a message."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from cinema_shared import context
from cinema_shared.http.fields import TimeOut

CONTENT_TYPE = "application/cloudevents+json"
_PREFIX = "cinema."


def _current_trace() -> str | None:
    return context.traceparent.get()


class EventData(BaseModel):
    """The base of what an event says. Listeners ignore fields that they do not know."""

    model_config = ConfigDict(extra="ignore", frozen=True, from_attributes=True)


# The kinds of value, as the API shows them too. Money is a decimal string beside its currency.
EventTime = TimeOut
EventMoney = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": r"^\d+\.\d{2}$", "examples": ["9.50"]})
]
EventCurrency = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]})
]
EventDuration = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{2,3}:[0-5]\d:[0-5]\d$", "examples": ["01:45:00"]}
    ),
]


class Notice(BaseModel):
    """What all have in common, and all there is to an event that is best effort."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: uuid.UUID = Field(
        default_factory=uuid.uuid4,
        description="Also the AMQP `message_id`. A message that comes twice has the same.",
    )
    source: str
    type: str
    subject: str
    time: TimeOut = Field(
        default_factory=lambda: datetime.now(UTC), description="Of the change, in UTC."
    )
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = Field(
        default_factory=_current_trace, description="W3C Trace Context of what caused the change."
    )
    data: dict[str, Any]

    @property
    def routing_key(self) -> str:
        """`ticket.booked.v1` of the type `cinema.ticket.booked.v1`."""
        return routing_key(self.type)


class Event(Notice):
    """One event. `subjectversion` grows with each change of the same subject."""

    subjectversion: int = Field(
        description="Counts the subject's changes. Ignore what is not newer than what you know."
    )


def full_type(name: str, version: int = 1) -> str:
    """`cinema.ticket.booked.v1` of the short name `ticket.booked`."""
    return f"{_PREFIX}{name}.v{version}"


def routing_key(event_type: str) -> str:
    return event_type.removeprefix(_PREFIX)


def event(source: str, name: str, subject: str, version: int, data: EventData) -> Event:
    """An event by its short name, as `ticket.booked`: version 1 of its schema."""
    return Event(
        source=source,
        type=full_type(name),
        subject=subject,
        subjectversion=version,
        data=data.model_dump(mode="json"),
    )


def notice(source: str, name: str, subject: str, data: EventData) -> Notice:
    """One that is best effort, as `hold.created`: no version, as nobody may rely on the last."""
    return Notice(
        source=source, type=full_type(name), subject=subject, data=data.model_dump(mode="json")
    )
