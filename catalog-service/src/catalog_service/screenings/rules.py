"""When a screening may take place."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cinema_shared.problems import Unprocessable

from catalog_service.settings import Settings


class SessionTimeError(Unprocessable):
    code = "session_time_error"


@dataclass(frozen=True)
class Times:
    """Of the film, and of the turnaround after it, when the hall is free again."""

    starts_at: datetime
    ends_at: datetime
    busy_until: datetime


@dataclass(frozen=True)
class OpeningHours:
    """By the clock on the cinema's wall."""

    timezone: ZoneInfo
    opening: time
    closing: time
    turnaround: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "OpeningHours":
        return cls(
            timezone=settings.cinema_timezone,
            opening=settings.opening_time,
            closing=settings.closing_time,
            turnaround=settings.turnaround,
        )

    def instant(self, moment: datetime) -> datetime:
        """In UTC. Without an offset a time is one of the cinema's own timezone.

        All that is compared and added goes through here: Python compares, and adds to, two times of
        one timezone by the clock, which is wrong on the days when clocks change.
        """
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.timezone)
        return moment.astimezone(UTC)

    def day(self, day: date) -> tuple[datetime, datetime]:
        """From its first moment to the next day's: 23 to 25 hours."""
        midnight = datetime.combine(day, time())
        return self.instant(midnight), self.instant(midnight + timedelta(days=1))

    def plan(self, wanted: datetime, duration: timedelta, now: datetime) -> Times:
        """Raise `SessionTimeError` for a screening that cannot be."""
        starts_at = self.instant(wanted)
        ends_at = starts_at + duration
        busy_until = ends_at + self.turnaround
        if starts_at < now:
            raise SessionTimeError("A session cannot start in the past.")
        day = starts_at.astimezone(self.timezone).date()
        if starts_at < self.instant(datetime.combine(day, self.opening)):
            raise SessionTimeError(f"The cinema opens at {self.opening:%H:%M}.")
        if busy_until > self.instant(datetime.combine(day, self.closing)):
            minutes = int(self.turnaround.total_seconds() // 60)
            raise SessionTimeError(
                f"The cinema closes at {self.closing:%H:%M}, and after a session the hall needs"
                f" {minutes} minutes more."
            )
        return Times(starts_at, ends_at, busy_until)
