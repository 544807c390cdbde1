"""The relay and the consumer beside plain aio-pika, and how long an event is on its way.

Each round moves the same events in both ways, one after the other, through the same broker into
the same queues; the ratio is that of the medians.
"""

import asyncio
import json
import multiprocessing
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sized
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import aio_pika
import asyncpg
import uvloop
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from cinema_shared import inbox, logs, outbox
from cinema_shared.database import Database
from cinema_shared.events.envelope import CONTENT_TYPE, Event, event
from cinema_shared.events.ticketing import SOURCE, Named, TicketData
from cinema_shared.messaging import topology
from cinema_shared.messaging.consumer import Consumer
from cinema_shared.messaging.relay import Relay
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.support import databases
from tests.support.servers import private_servers
from tests.support.tasks import running

EVENTS = 10_000
ROUNDS = 3
RAW_IN_FLIGHT = 100
LAG_S = 10
QUEUE = topology.CATALOG_TICKETS
_EFFECT = text("INSERT INTO effects VALUES (:subject, :version)")
_INSERT = "INSERT INTO effects VALUES ($1, $2)"


def ticket(number: int) -> Event:
    now = datetime.now(UTC)
    data = TicketData(
        id=number,
        user=number % 1000,
        session=number % 10,
        status="booked",
        row=number % 30 + 1,
        seat=number % 20 + 1,
        price="9.50",
        currency="EUR",
        booked_at=now,
        paid_at=None,
        movie=Named(id=7, name="Metropolis"),
        hall=Named(id=1, name="Red hall"),
        started_at=now,
    )
    return event(SOURCE, "ticket.booked", f"ticket/{number}", 1, data)


class Bench:
    def __init__(self, database_url: str, rabbitmq_url: str) -> None:
        self.database_url = database_url
        self.rabbitmq_url = rabbitmq_url
        self.database = Database(database_url, application="bench")
        self.events = [ticket(number) for number in range(EVENTS)]

    async def prepare(self) -> None:
        connection = await asyncpg.connect(self.database_url)
        await connection.execute(outbox.DDL)
        await connection.execute(inbox.DDL)
        await connection.execute("CREATE TABLE effects (subject text, version integer)")
        await connection.close()
        async with self.channel() as channel:
            await topology.declare(channel)

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        async with await aio_pika.connect(self.rabbitmq_url) as connection:
            yield await connection.channel(on_return_raises=True)

    async def purge(self) -> None:
        async with self.channel() as channel:
            for queue in (QUEUE, topology.TICKETING_SEATS):
                await (await channel.get_queue(queue.name)).purge()

    async def raw_publish(self) -> float:
        """Events a second, each confirmed, `RAW_IN_FLIGHT` at a time."""
        async with self.channel() as channel:
            exchange = await channel.get_exchange(topology.EVENTS)
            waiting = iter([(e.model_dump_json().encode(), str(e.id)) for e in self.events])

            async def publish() -> None:
                for body, identifier in waiting:
                    message = aio_pika.Message(
                        body,
                        content_type=CONTENT_TYPE,
                        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                        message_id=identifier,
                    )
                    await exchange.publish(message, "ticket.booked.v1")

            started = time.perf_counter()
            await asyncio.gather(*(publish() for _ in range(RAW_IN_FLIGHT)))
            return EVENTS / (time.perf_counter() - started)

    async def relay(self) -> float:
        """Events a second, from a full outbox until it is empty."""
        for first in range(0, EVENTS, 1000):
            async with self.database.transaction() as transaction:
                await outbox.publish(transaction, *self.events[first : first + 1000])
        started = time.perf_counter()
        async with running(Relay(self.database, self.database_url, self.rabbitmq_url).run()):
            await self._until("SELECT count(*) = 0 FROM outbox")
            return EVENTS / (time.perf_counter() - started)

    async def raw_consume(self) -> float:
        """Events a second: one INSERT and one acknowledgement each, ten at a time."""
        pool = await asyncpg.create_pool(self.database_url, min_size=10, max_size=10)
        done = asyncio.Event()
        count = 0

        async def handle(message: AbstractIncomingMessage) -> None:
            nonlocal count
            body = json.loads(message.body)
            await pool.execute(_INSERT, body["subject"], body["subjectversion"])
            await message.ack()
            count += 1
            if count == EVENTS:
                done.set()

        async with self.channel() as channel:
            await channel.set_qos(prefetch_count=QUEUE.prefetch)
            queue = await channel.get_queue(QUEUE.name)
            started = time.perf_counter()
            await queue.consume(handle)
            await done.wait()
            rate = EVENTS / (time.perf_counter() - started)
        await pool.close()
        return rate

    async def consume(self) -> float:
        """Events a second: the inbox, the same INSERT, in order, through the suite's consumer."""
        seen = 0
        done = asyncio.Event()

        async def effect(transaction: AsyncConnection, event: Event) -> None:
            nonlocal seen
            await transaction.execute(
                _EFFECT, {"subject": event.subject, "version": event.subjectversion}
            )
            seen += 1
            if seen == EVENTS:
                done.set()

        await self._scalar("WITH gone AS (DELETE FROM inbox RETURNING 1) SELECT count(*) FROM gone")
        consumer = Consumer(self.database, self.rabbitmq_url, QUEUE, effect)
        started = time.perf_counter()
        async with running(consumer.run()):
            await done.wait()
            return EVENTS / (time.perf_counter() - started)

    async def lag(self, rate: float | None) -> tuple[list[float], list[float]]:
        """Seconds from commit to receipt at `rate` events a second; and of the broker alone.

        None: as many as get through, with a thousand on their way at the most.
        """
        sent: dict[str, float] = {}
        lags: list[float] = []
        trips: list[float] = []

        async def hear(message: AbstractIncomingMessage) -> None:
            since = sent.pop(message.message_id or "", None)
            if since is not None:
                (trips if message.app_id else lags).append(time.perf_counter() - since)

        with _process(_relay, self.database_url, self.rabbitmq_url):
            async with self.channel() as channel:
                exchange = await channel.get_exchange(topology.EVENTS)
                queue = await channel.declare_queue(exclusive=True)
                await queue.bind(topology.EVENTS, "ticket.#")
                await queue.consume(hear, no_ack=True)
                await self._commit(1)  # so that the relay is there
                await self._until("SELECT count(*) = 0 FROM outbox")
                async for due in _at_pace(rate, LAG_S, sent):
                    sent |= await self._commit(due)
                    trip = uuid.uuid4().hex
                    sent[trip] = time.perf_counter()
                    message = aio_pika.Message(b"{}", message_id=trip, app_id="trip")
                    message.delivery_mode = aio_pika.DeliveryMode.PERSISTENT
                    await exchange.publish(message, "ticket.booked.v1")
                await self._until("SELECT count(*) = 0 FROM outbox")
                await asyncio.sleep(0.5)
        return lags, trips

    async def _commit(self, count: int) -> dict[str, float]:
        """As many events, in a transaction of their own, by their ids: when each was committed."""
        events = [ticket(number) for number in range(count)]
        async with self.database.transaction() as transaction:
            await outbox.publish(transaction, *events)
        return dict.fromkeys([str(event.id) for event in events], time.perf_counter())

    async def _scalar(self, query: str) -> Any:
        async with self.database.transaction() as transaction:
            return await transaction.scalar(text(query))

    async def _until(self, query: str) -> None:
        while not await self._scalar(query):
            await asyncio.sleep(0.02)


async def _at_pace(rate: float | None, seconds: float, on_their_way: Sized) -> AsyncIterator[int]:
    """How many are due by now, at an even rate, counted from the start; or as there is room."""
    started, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        room = 5 if len(on_their_way) < 1000 else 0
        due = room if rate is None else int(passed * rate) - sent
        if due:
            yield due
            sent += due
        await asyncio.sleep(0 if rate is None and due else 0.002)


def _relay(database_url: str, rabbitmq_url: str) -> None:
    logs.configure("relay", "json", "ERROR")
    database = Database(database_url, application="relay")
    uvloop.run(Relay(database, database_url, rabbitmq_url).run())


@contextmanager
def _process(target: Callable[..., None], *arguments: str) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def main(postgres_url: str, rabbitmq_url: str) -> None:
    bench = Bench(await databases.create(postgres_url, "bench"), rabbitmq_url)
    await bench.prepare()
    measures: dict[str, Callable[[], Awaitable[float]]] = {
        "aio-pika, 100 confirms in flight": bench.raw_publish,
        "aio-pika, one INSERT an event": bench.raw_consume,
        "relay": bench.relay,
        "consumer with inbox": bench.consume,
    }
    rates: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(ROUNDS):
        for name, measure in measures.items():
            rates[name].append(await measure())
            progress = f"round {number + 1} of {ROUNDS}"
            print(f"{progress}: {name:34} {rates[name][-1]:7.0f}/s", flush=True)
        await bench.purge()
    publish, insert, relay, consume = map(statistics.median, rates.values())
    print(f"\n{EVENTS} events a round, {ROUNDS} rounds, medians")
    for name, ours, limit in (("relay", relay, publish), ("consumer", consume, insert)):
        print(f"  {name:8} beside aio-pika {ours:7.0f}/s of {limit:7.0f}/s   {ours / limit:4.0%}")
    highest = len((await bench.lag(None))[0]) / LAG_S
    lags, trips = await bench.lag(highest / 2)
    print(f"  commit to receipt at {len(lags) / LAG_S:.0f}/s, half of the highest load")
    for share in (0.5, 0.99):
        lag, trip = (_percentile(values, share) * 1000 for values in (lags, trips))
        print(
            f"    p{share * 100:.0f} {lag:6.1f} ms, {lag / trip:4.1f} x the broker's {trip:5.1f} ms"
        )
    await bench.database.close()


def run() -> None:
    logs.configure("bench", "console", "ERROR")
    with private_servers() as servers:
        uvloop.run(main(servers["TEST_POSTGRES_URL"], servers["TEST_RABBITMQ_URL"]))
