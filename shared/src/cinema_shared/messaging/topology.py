"""Every exchange and queue of the suite, declared in this one place.

    publisher ── cinema.events (topic) ──┬── catalog.tickets        ticket.#
                                         ├── ticketing.screenings   session.#
                                         ├── ticketing.seats        ticket.#
                                         └── cinema.events.log      the stream, 7 days
    catalog ───────────────────────────────── ticketing.commands    request and reply
    rejected or redelivered too often ── cinema.dead (topic) ── <queue>.dead

Declaring a queue again with other arguments closes the channel, so nobody else declares any.
"""

from dataclasses import dataclass
from typing import Any, Final

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel

EVENTS: Final = "cinema.events"
DEAD_LETTERS: Final = "cinema.dead"
LOG: Final = "cinema.events.log"
# hold.* is best effort and not for the record.
_RECORDED: Final = ("user.#", "hall.#", "movie.#", "session.#", "ticket.#")
_DELIVERY_LIMIT: Final = 20


@dataclass(frozen=True)
class Queue:
    """A quorum queue: what it gets of the events, and how many messages a worker takes at once."""

    name: str
    bindings: tuple[str, ...]
    prefetch: int = 50
    # A command that nobody answered in time is of no use to anybody later.
    dead_letters: bool = True

    @property
    def dead(self) -> str:
        """Where its dead letters go."""
        return f"{self.name}.dead"


CATALOG_TICKETS: Final = Queue("catalog.tickets", ("ticket.#",))
TICKETING_SCREENINGS: Final = Queue("ticketing.screenings", ("session.#",))
TICKETING_SEATS: Final = Queue("ticketing.seats", ("ticket.#",))
TICKETING_COMMANDS: Final = Queue("ticketing.commands", (), dead_letters=False)
_QUEUES: Final = (CATALOG_TICKETS, TICKETING_SCREENINGS, TICKETING_SEATS, TICKETING_COMMANDS)


def _arguments(queue: Queue) -> dict[str, Any]:
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": _DELIVERY_LIMIT}
    if not queue.dead_letters:
        return arguments
    return arguments | {
        "x-dead-letter-exchange": DEAD_LETTERS,
        "x-dead-letter-routing-key": queue.name,
        # Not lost on the way to the dead letters either; needs reject-publish.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


async def declare(channel: AbstractChannel) -> None:
    """Bring the broker into this shape; safe to repeat, by any number of workers."""
    events = await channel.declare_exchange(EVENTS, ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD_LETTERS, ExchangeType.TOPIC, durable=True)
    log = await channel.declare_queue(
        LOG, durable=True, arguments={"x-queue-type": "stream", "x-max-age": "7D"}
    )
    for key in _RECORDED:
        await log.bind(events, key)
    for queue in _QUEUES:
        if queue.dead_letters:
            dead_queue = await channel.declare_queue(
                queue.dead, durable=True, arguments={"x-queue-type": "quorum"}
            )
            await dead_queue.bind(dead, queue.name)
        declared = await channel.declare_queue(
            queue.name, durable=True, arguments=_arguments(queue)
        )
        for key in queue.bindings:
            await declared.bind(events, key)
