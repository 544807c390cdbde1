"""Takes one guard out of ticketing, from outside: Python runs this before anything else.

Which one is a word of the file that SABOTAGE_FILE names, at the moment that the guard would act;
none, while there is no such file. A guard that is not found where it was ends the process: a test
that takes nothing out shows nothing.

The word `pause` is no guard: with it, a replica that has sold a seat loses a few seconds before it
goes on, as one that is frozen would.
"""

import asyncio
import hashlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

PAUSE_S = 2.5
FILE = os.environ.get("SABOTAGE_FILE")


def is_out(guard: str) -> bool:
    file = Path(FILE or "")
    return file.is_file() and guard in file.read_text().split()


def edited(text: str, guard: str, instead: str = "") -> str:
    if guard not in text:
        sys.exit(f"there is no {guard!r} to take out")
    return text.replace(guard, instead)


def state() -> None:
    """Transitions that do not look at what state the ticket is in."""
    from ticketing_service.tickets import transitions  # noqa: PLC0415

    assert transitions.__file__
    source = Path(transitions.__file__).read_text()
    source = edited(source, "            tickets.c.status == Status.BOOKED,\n")
    loose = ModuleType("loose")
    exec(compile(source, transitions.__file__, "exec"), loose.__dict__)
    guarded = transitions._leave_booked

    async def leave(*arguments: Any, **named: Any) -> Any:
        change = loose.__dict__["_leave_booked"] if is_out("state") else guarded
        return await change(*arguments, **named)

    transitions._leave_booked = leave


def fence() -> None:
    """Bookings at any time after the hold has ended."""
    from ticketing_service.tickets import booking  # noqa: PLC0415

    book = booking.book

    async def book_whenever(*arguments: Any, **named: Any) -> Any:
        if is_out("fence"):
            never = datetime(9999, 1, 1, tzinfo=UTC)
            assert "valid_until" in named
            named["valid_until"] = never
        return await book(*arguments, **named)

    booking.book = book_whenever


def token() -> None:
    """Locks that anybody takes away, whatever token they carry."""
    from ticketing_service.holds import scripts  # noqa: PLC0415

    source = scripts._source

    def without_comparison(name: str) -> tuple[str, str]:
        text, digest = source(name)
        if is_out("token"):
            text = edited(text, "string.match(value, '^([^|]*)|') == token", "true")
            digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        return text, digest

    edited(source("release")[0], "string.match(value, '^([^|]*)|') == token")
    setattr(scripts, "_source", without_comparison)  # noqa: B010  (mypy knows its own type)


def pause() -> None:
    """A while between the commit of a sale and telling Redis of it."""
    from ticketing_service.holds.locks import SeatLocks  # noqa: PLC0415

    settle = SeatLocks.settle

    async def settle_later(*arguments: Any, **named: Any) -> None:
        if is_out("pause"):
            await asyncio.sleep(PAUSE_S)
        await settle(*arguments, **named)

    setattr(SeatLocks, "settle", settle_later)  # noqa: B010  (mypy knows its own type)


if FILE and "ticketing_service" in sys.orig_argv:
    state()
    fence()
    token()
    pause()
