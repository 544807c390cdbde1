"""Every exchange and queue of the suite, declared in this one place.

    publisher ── cinema.events (topic) ──┬── catalog.tickets        ticket.#
                                         ├── ticketing.screenings   session.#
                                         ├── ticketing.seats        ticket.#
                                         └── cinema.events.log      the stream, 7 days
    catalog ───────────────────────────────── ticketing.commands    request and reply
    a rebuild ─────────────────────────────── <owner>.snapshots     request and reply
    buried or redelivered too often ── cinema.dead (topic) ── <queue>.dead

Declaring a queue again with other arguments closes the channel, so nobody else declares any.
"""

from dataclasses import dataclass
from typing import Any, Final

import structlog
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractQueue
from aio_pika.exceptions import ChannelPreconditionFailed

from cinema_shared.settings import Settings

log = structlog.get_logger(__name__)

EVENTS: Final = "cinema.events"
DEAD_LETTERS: Final = "cinema.dead"
LOG: Final = "cinema.events.log"
# hold.* is best effort and not for the record.
_RECORDED: Final = ("user.#", "hall.#", "movie.#", "session.#", "ticket.#")
_DELIVERY_LIMIT: Final = 20
# Whoever looks at dead letters gets them and gives them back, and that counts as a delivery.
# RabbitMQ 4 would drop them after 20 looks. Not -1: that is no limit for RabbitMQ 4, but for 3.10
# one that the first look exceeds.
_NO_DELIVERY_LIMIT: Final = 2**31 - 1


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
# What others have copies of, asked of its owner, page by page.
CATALOG_SNAPSHOTS: Final = Queue("catalog.snapshots", (), dead_letters=False)
TICKETING_SNAPSHOTS: Final = Queue("ticketing.snapshots", (), dead_letters=False)
_QUEUES: Final = (
    CATALOG_TICKETS,
    TICKETING_SCREENINGS,
    TICKETING_SEATS,
    TICKETING_COMMANDS,
    CATALOG_SNAPSHOTS,
    TICKETING_SNAPSHOTS,
)
WITH_DEAD_LETTERS: Final = tuple(queue for queue in _QUEUES if queue.dead_letters)


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
    recorded = await _declare_or_keep(
        channel,
        LOG,
        {"x-queue-type": "stream", "x-max-age": Settings().event_log_max_age},
        "rabbitmqctl set_policy event-log '^cinema\\.events\\.log$' '{\"max-age\": \"30D\"}' "
        "--apply-to queues",
    )
    for key in _RECORDED:
        await recorded.bind(events, key)
    for queue in _QUEUES:
        if queue.dead_letters:
            dead_queue = await _declare_or_keep(
                channel,
                queue.dead,
                {"x-queue-type": "quorum", "x-delivery-limit": _NO_DELIVERY_LIMIT},
                "rabbitmqctl set_policy dead-letters '\\.dead$' '{\"delivery-limit\": 2147483647}' "
                "--apply-to queues",
            )
            await dead_queue.bind(dead, queue.name)
        declared = await channel.declare_queue(
            queue.name, durable=True, arguments=_arguments(queue)
        )
        for key in queue.bindings:
            await declared.bind(events, key)


async def _declare_or_keep(
    channel: AbstractChannel, name: str, arguments: dict[str, Any], policy: str
) -> AbstractQueue:
    """Declare a queue, or go on with the one that is there with other arguments.

    What it is to have instead is then an operator's to say, by `policy`, which goes before a
    queue's own arguments. The refusal closes a channel, so it is not the caller's that asks.
    """
    underlay = await channel.get_underlay_channel()
    asking = await underlay.connection.channel()
    try:
        await asking.queue_declare(name, durable=True, arguments=arguments)
    except ChannelPreconditionFailed:
        log.warning("queue_kept_as_it_is", queue=name, wanted=arguments, change_it_with=policy)
    else:
        await asking.close()
    return await channel.get_queue(name, ensure=False)
