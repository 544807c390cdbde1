"""Which events are meant: from when on, of which subjects, of which types."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import Any, Final

from cinema_shared.events.envelope import routing_key

from cinema.refusals import WrongUse

_SPAN: Final = re.compile(r"-?(\d+)([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Selection:
    """`since` is compared with an event's own time, that of its change."""

    since: datetime | None = None
    subject: str | None = None
    type: str | None = None

    @property
    def takes_all(self) -> bool:
        return self == Selection()

    def takes(self, event: dict[str, Any]) -> bool:
        return (
            self._is_recent(str(event.get("time")))
            and (self.subject is None or fnmatchcase(str(event.get("subject")), self.subject))
            and (self.type is None or _is_of_type(str(event.get("type")), self.type))
        )

    def _is_recent(self, time: str) -> bool:
        if self.since is None:
            return True
        try:
            return datetime.fromisoformat(time) >= self.since
        except (ValueError, TypeError):
            return False


def moment(text: str, zone: tzinfo) -> datetime:
    """`-2h`, or a time: one without an offset is the cinema's own."""
    if span := _SPAN.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(
            f"--from {text}: write first, a span as -2h (s, m, h or d), or a time as"
            " 2026-11-24T18:00"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=zone)


def _is_of_type(event_type: str, pattern: str) -> bool:
    """`ticket.paid`, `ticket.paid.v1` and `cinema.ticket.paid.v1` are one."""
    short = routing_key(event_type)
    names = (event_type, short, short.rpartition(".")[0])
    return any(fnmatchcase(name, pattern) for name in names)
