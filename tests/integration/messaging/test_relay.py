"""The relay: what is committed arrives, in order per subject, whatever happens on the way."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from cinema_shared import outbox
from cinema_shared.database import Database
from cinema_shared.events.envelope import Event, EventData, event
from cinema_shared.messaging import topology
from cinema_shared.messaging.relay import Relay
from sqlalchemy import text

from tests.support.tasks import running


class Anything(EventData):
    number: int


def an_event(subject: int, version: int) -> Event:
    return event("/test", "ticket.booked", f"ticket/{subject}", version, Anything(number=version))


@asynccontextmanager
async def listening(channel: AbstractChannel) -> AsyncIterator[list[AbstractIncomingMessage]]:
    received: list[AbstractIncomingMessage] = []
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(topology.EVENTS, "ticket.#")

    async def receive(message: AbstractIncomingMessage) -> None:
        received.append(message)

    await queue.consume(receive, no_ack=True)
    yield received


async def wait_for(received: list[AbstractIncomingMessage], count: int) -> None:
    async with asyncio.timeout(20):
        while len(received) < count:
            await asyncio.sleep(0.02)


async def test_committed_events_arrive_and_rolled_back_ones_do_not(
    database: Database, database_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    async with (
        listening(channel) as received,
        running(Relay(database, database_url, rabbitmq_url).run()),
    ):
        async with database.transaction() as transaction:
            await outbox.publish(transaction, an_event(1, 1))
        with suppress(RuntimeError):
            async with database.transaction() as transaction:
                await outbox.publish(transaction, an_event(2, 1))
                raise RuntimeError
        async with database.transaction() as transaction:
            await outbox.publish(transaction, an_event(3, 1))
        await wait_for(received, 2)
        await asyncio.sleep(0.3)
    assert [json.loads(message.body)["subject"] for message in received] == ["ticket/1", "ticket/3"]
    message = received[0]
    body = json.loads(message.body)
    assert message.message_id == body["id"]
    assert message.content_type == "application/cloudevents+json"
    assert message.routing_key == "ticket.booked.v1"
    assert message.delivery_mode == 2
    assert (body["specversion"], body["type"]) == ("1.0", "cinema.ticket.booked.v1")
    async with database.transaction() as transaction:
        assert await transaction.scalar(text("SELECT count(*) FROM outbox")) == 0


async def test_a_row_that_commits_late_is_not_skipped(
    database: Database, database_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    async with (
        listening(channel) as received,
        running(Relay(database, database_url, rabbitmq_url).run()),
    ):
        async with database.transaction() as late:
            await outbox.publish(late, an_event(1, 1))  # takes the lower id
            async with database.transaction() as transaction:
                await outbox.publish(transaction, an_event(2, 1))
            await wait_for(received, 1)
        await wait_for(received, 2)
    subjects = [json.loads(message.body)["subject"] for message in received]
    assert subjects == ["ticket/2", "ticket/1"]


async def test_three_relays_keep_the_order_of_each_subject(
    database: Database, database_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    subjects, versions = 20, 50
    relays = [Relay(database, database_url, rabbitmq_url) for _ in range(3)]
    async with (
        listening(channel) as received,
        running(relays[0].run()),
        running(relays[1].run()),
        running(relays[2].run()),
    ):
        for version in range(1, versions + 1):
            async with database.transaction() as transaction:
                await outbox.publish(
                    transaction, *(an_event(subject, version) for subject in range(subjects))
                )
        await wait_for(received, subjects * versions)
        await asyncio.sleep(0.2)
    seen: dict[str, list[int]] = defaultdict(list)
    for message in received:
        body = json.loads(message.body)
        seen[body["subject"]].append(body["subjectversion"])
    assert len(received) == subjects * versions, "published twice without a fault"
    assert all(order == list(range(1, versions + 1)) for order in seen.values())


async def test_what_cannot_be_routed_stays_in_the_outbox(
    database: Database, database_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    stray = event("/test", "nowhere.heard", "nowhere/1", 1, Anything(number=1))
    async with running(Relay(database, database_url, rabbitmq_url).run()):
        async with database.transaction() as transaction:
            await outbox.publish(transaction, stray)
        await asyncio.sleep(1)
    async with database.transaction() as transaction:
        assert await transaction.scalar(text("SELECT count(*) FROM outbox")) == 1


async def test_a_cancellation_nobody_asked_for_does_not_end_the_relay(
    database: Database, database_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    """Aio-pika cancels whoever publishes when the heartbeat fails."""
    relay = Relay(database, database_url, rabbitmq_url)
    drain, failures = relay._drain, 0

    async def cancelled_once() -> int:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise asyncio.CancelledError
        return await drain()

    relay._drain = cancelled_once  # type: ignore[method-assign]
    async with listening(channel) as received, running(relay.run()):
        async with database.transaction() as transaction:
            await outbox.publish(transaction, an_event(1, 1))
        await wait_for(received, 1)
