"""What was done and what was answered: one `Call` a request, with its start and end.

All times are seconds since the run began, the servers' own stamps (`expires_at`, `booked_at`)
included: everything runs on one machine and so on one clock.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["ok", "refused", "unknown"]
Seat = tuple[int, int]


@dataclass(slots=True)
class Call:
    """One request. `unknown`: its effect may have happened, or not, or may still come."""

    n: int
    client: int
    user: int
    action: str
    start: float
    end: float = 0.0
    session: int | None = None
    seats: list[Seat] = field(default_factory=list)
    hold: str | None = None
    ticket: int | None = None
    key: str | None = None
    outcome: Outcome = "unknown"
    status: int = 0
    code: str = ""
    # The part of the answer that matters: see `digest.py`.
    answer: Any = None
    # What is wrong with the answer's form, as seen at once.
    flaws: list[str] = field(default_factory=list)

    @property
    def may_have_worked(self) -> bool:
        return self.outcome != "refused"

    def line(self) -> str:
        return json.dumps({name: getattr(self, name) for name in _FIELDS}, separators=(",", ":"))

    def __str__(self) -> str:
        about = [f"session {self.session}"] if self.session is not None else []
        about += ["seats " + " ".join(f"{row}-{seat}" for row, seat in self.seats)] * bool(
            self.seats
        )
        about += [f"hold {self.hold[:8]}"] if self.hold else []
        about += [f"ticket {self.ticket}"] if self.ticket else []
        about += [f"key {self.key[:8]}"] if self.key else []
        said = f"{self.outcome} {self.status or ''} {self.code}".strip()
        return (
            f"#{self.n} {self.start:9.3f}-{self.end:9.3f} client {self.client} user {self.user}"
            f" {self.action} {', '.join(about)}: {said} {self.answer or ''}"
        ).rstrip()


_FIELDS = [spec.name for spec in fields(Call)]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was inflicted: from `begin` to `end` the component was gone or frozen."""

    target: str
    kind: str
    begin: float
    end: float

    @property
    def name(self) -> str:
        return f"{self.kind} {self.target.rstrip('0123456789').rstrip('-')}"

    @property
    def loses_holds(self) -> bool:
        return self.target == "redis" and self.kind in ("kill", "flush")


class History:
    """Grows while the run goes on; each call is also a line of a file, for reading afterwards."""

    def __init__(self, file: Path | None = None) -> None:
        self.began = time.monotonic()
        self.wall = time.time()
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self._out = file.open("w", buffering=1 << 20) if file else None

    def now(self) -> float:
        return time.monotonic() - self.began

    def of_wall(self, stamp: str | datetime) -> float:
        """A server's time in seconds since the run began."""
        moment = datetime.fromisoformat(stamp) if isinstance(stamp, str) else stamp
        return moment.timestamp() - self.wall

    def open(self, client: int, user: int, action: str, **about: Any) -> Call:
        call = Call(len(self.calls), client, user, action, self.now(), **about)
        self.calls.append(call)
        return call

    def close(self, call: Call) -> None:
        call.end = self.now()
        if self._out:
            self._out.write(call.line() + "\n")

    def inflicted(self, fault: Fault) -> None:
        self.faults.append(fault)
        if self._out:
            row = {"fault": fault.name, "target": fault.target}
            self._out.write(json.dumps(row | {"start": fault.begin, "end": fault.end}) + "\n")

    def finish(self) -> None:
        """A call that was cut short, by the end of the run, stays unknown."""
        for call in self.calls:
            call.end = call.end or self.now()
        if self._out:
            self._out.close()
            self._out = None


def load(calls: Iterable[Call], faults: Iterable[Fault] = ()) -> History:
    """A history written by hand, or read from a file."""
    history = History()
    history.calls, history.faults = list(calls), list(faults)
    return history
