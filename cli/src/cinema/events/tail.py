"""`cinema events tail`: what was told, out of the log."""

import json
import time
from collections import deque
from contextlib import aclosing, suppress
from typing import Annotated, Any, Final

import typer
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from cinema_shared.events.envelope import routing_key
from cinema_shared.messaging import event_log
from cinema_shared.settings import Settings
from rich.text import Text

from cinema.events.selection import Selection, moment
from cinema.output import note, say, say_json
from cinema.rabbitmq import with_rabbitmq
from cinema.refusals import Unreachable, WrongUse
from cinema.surroundings import settings

_LAST: Final = 10
# How long the broker may keep silent about what there is.
_SILENCE_S: Final = 3.0
_RETRY_S: Final = 1.0


def tail(  # noqa: PLR0917  (typer reads them as options, by name)
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHEN",
            help="From then on: first, --from=-2h (s, m, h, d), or 2026-11-24T18:00.",
        ),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option("--last", min=1, metavar="N", help="The last N; 10, if nothing else is said."),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Of these only: ticket/42, or session/*.")
    ] = None,
    of_type: Annotated[
        str | None,
        typer.Option("--type", metavar="PATTERN", help="Of these only: ticket.paid, or ticket.*."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is told from now on.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The events themselves, one a line.")
    ] = False,
) -> None:
    """Show events out of the log, oldest first. The log reaches back 7 days, if not set otherwise.

    A time without an offset is the cinema's own. Reading takes nothing away.
    """
    if since is not None and last is not None:
        raise WrongUse("--from and --last do not go together: say where to begin, or how many.")
    begin = None
    if since not in (None, "first"):
        begin = moment(str(since), settings(Settings).cinema_timezone)
    reading = _Reading(
        Selection(begin, subject, of_type),
        last=last or (_LAST if since is None else None),
        as_json=as_json,
    )
    with suppress(KeyboardInterrupt):
        with_rabbitmq(reading.past)
        while follow:
            try:
                with_rabbitmq(reading.coming)
            except Unreachable as error:
                note(str(error))
                time.sleep(_RETRY_S)


class _Reading:
    """Of the log, with the place up to which it has come: a lost connection loses no event."""

    def __init__(self, selection: Selection, *, last: int | None, as_json: bool) -> None:
        self._selection = selection
        self._last = last
        self._as_json = as_json
        self._next: event_log.Start = selection.since or "first"

    async def past(self, connection: AbstractConnection) -> None:
        """Show what there is."""
        end = await event_log.last_offset(connection)
        if end is None:
            note("The log is empty.")
            return
        if self._last is not None and self._selection.takes_all:
            self._next = max(0, end + 1 - self._last)
        kept: deque[dict[str, Any]] = deque(maxlen=self._last)
        read = event_log.read(connection, self._next, end, silence=_SILENCE_S)
        # A time after the latest event is waited for in vain.
        with suppress(TimeoutError):
            async with aclosing(read) as messages:
                async for message in messages:
                    event = self._event(message)
                    if event is None:
                        continue
                    if self._last is None:
                        self._show(event)
                    else:
                        kept.append(event)
        for event in kept:
            self._show(event)
        self._next = end + 1

    async def coming(self, connection: AbstractConnection) -> None:
        """Show what comes, until the connection is lost."""
        async with aclosing(event_log.read(connection, self._next)) as messages:
            async for message in messages:
                if event := self._event(message):
                    self._show(event)
                self._next = event_log.offset(message) + 1

    def _event(self, message: AbstractIncomingMessage) -> dict[str, Any] | None:
        """What the message tells, if it is wanted."""
        try:
            event = json.loads(message.body)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            note(f"offset {event_log.offset(message)}: no event ({message.routing_key})")
            return None
        return event if self._selection.takes(event) else None

    def _show(self, event: dict[str, Any]) -> None:
        if self._as_json:
            say_json(event)
            return
        subject = f"{event.get('subject')} v{event.get('subjectversion')}"
        say(
            Text.assemble(
                (str(event.get("time")), "dim"),
                f"  {routing_key(str(event.get('type'))):22}  {subject:18}  ",
                (json.dumps(event.get("data"), ensure_ascii=False), "dim"),
            )
        )
