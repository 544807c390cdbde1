"""Dead letters: they say what they died of, wait, and go back to where they came from."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from cinema.events import dead_letters
from cinema_shared import inbox
from cinema_shared.database import Database
from cinema_shared.events.envelope import Event, EventData, event
from cinema_shared.messaging import topology
from cinema_shared.messaging.consumer import Consumer
from cinema_shared.messaging.dead_letters import bury
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import CapturingLogger

from tests.integration.cli.conftest import Cinema, depth, publish, until
from tests.support import databases
from tests.support.tasks import running

QUEUE = topology.CATALOG_TICKETS
_ids = count(1)


class Person(EventData):
    email: str = "anna@example.org"


def an_event() -> Event:
    return event("/test", "ticket.booked", f"ticket/{next(_ids)}", 1, Person())


async def send(channel: AbstractChannel, told: Event, **properties: Any) -> None:
    await publish(
        channel,
        told.model_dump_json().encode(),
        told.routing_key,
        message_id=str(told.id),
        type=told.type,
        **properties,
    )


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    database = Database(await databases.create(postgres_url, "dead"), application="test")
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(inbox.DDL)
        await driver.execute("CREATE TABLE effects (subject text)")
    yield database
    await database.close()


async def fail(transaction: AsyncConnection, event: Event) -> None:
    raise KeyError(event.data["email"])


async def record(transaction: AsyncConnection, event: Event) -> None:
    await transaction.execute(text("INSERT INTO effects VALUES (:s)"), {"s": event.subject})


def effects(database: Database) -> Callable[[], Awaitable[list[str]]]:
    async def ask() -> list[str]:
        async with database.transaction() as transaction:
            return list(await transaction.scalars(text("SELECT subject FROM effects ORDER BY 1")))

    return ask


async def buried(
    channel: AbstractChannel, queue: topology.Queue, how_many: int, **properties: Any
) -> list[str]:
    """The ids of new dead letters, oldest first."""
    ids = []
    for _ in range(how_many):
        told = an_event()
        await send(channel, told, **properties)
        message = await (await channel.get_queue(queue.name, ensure=False)).get(timeout=5)
        await bury(channel, message, queue, ValueError("anna@example.org"))
        ids.append(str(told.id))
    for other in topology.WITH_DEAD_LETTERS:
        await (await channel.get_queue(other.name, ensure=False)).purge()
    return ids


async def test_from_poison_to_one_effect(
    cinema: Cinema, channel: AbstractChannel, database: Database, rabbitmq_url: str
) -> None:
    """The consumer meets what it cannot handle, somebody looks, mends it, and puts it back."""
    told = an_event()
    async with running(Consumer(database, rabbitmq_url, QUEUE, fail).run()):
        await send(channel, told, headers={"tenant": "north"})
        await until(lambda: depth(channel, QUEUE.dead), 1)

    [pile] = [
        pile for pile in (await cinema("events", "dead", "list", "--json")).json if pile["count"]
    ]
    assert (pile["queue"], pile["count"]) == (QUEUE.name, 1)
    [letter] = pile["dead_letters"]
    assert (letter["id"], letter["type"], letter["subject"]) == (
        str(told.id),
        told.type,
        told.subject,
    )
    assert letter["cause"].startswith(f"KeyError at {__name__}:")
    assert letter["at"] == pile["oldest"]

    table = await cinema("events", "dead", "list")
    shown = await cinema("events", "dead", "show", letter["id"][:8])
    assert table.code == shown.code == 0
    for said in (table.out, shown.out):
        assert told.subject in said
        assert letter["cause"] in said
    assert "tenant: north" in shown.out
    assert "anna@example.org" not in table.out

    async with running(Consumer(database, rabbitmq_url, QUEUE, record).run()):
        replayed = await cinema("events", "dead", "replay", letter["id"])
        assert replayed.code == 0
        assert f"1 put back into {QUEUE.name}" in replayed.out
        await until(effects(database), [told.subject])
    assert await depth(channel, QUEUE.dead) == 0


async def breaks_a_rule(transaction: AsyncConnection, event: Event) -> None:
    await transaction.execute(text("INSERT INTO rules VALUES (:who)"), {"who": event.data["email"]})


async def test_the_cause_says_which_rule_was_broken_but_not_by_whom(
    channel: AbstractChannel,
    database: Database,
    rabbitmq_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither in the headers nor in the log is anything of what the message said."""
    log = CapturingLogger()
    monkeypatch.setattr("cinema_shared.messaging.dead_letters.log", log)
    async with database.transaction() as transaction:
        await transaction.execute(
            text("CREATE TABLE rules (who text CONSTRAINT no_at CHECK (who NOT LIKE '%@%'))")
        )
    told = an_event()
    async with running(Consumer(database, rabbitmq_url, QUEUE, breaks_a_rule).run()):
        await send(channel, told)
        await until(lambda: depth(channel, QUEUE.dead), 1)
        await publish(channel, b'{"subject": "anna@example.org"}', "ticket.booked.v1")
        await until(lambda: depth(channel, QUEUE.dead), 2)
    first, second = log.calls
    assert first.method_name == "error"
    assert first.kwargs["cause"].startswith(f"IntegrityError 23514, rules, no_at at {__name__}:")
    assert (first.kwargs["queue"], first.kwargs["event_id"]) == (QUEUE.name, str(told.id))
    assert (first.kwargs["type"], first.kwargs["subject"]) == (told.type, told.subject)
    assert second.kwargs["cause"].startswith("ValidationError source: missing, type: missing")
    dead = await channel.get_queue(QUEUE.dead)
    for message in [await dead.get(timeout=5), await dead.get(timeout=5)]:
        assert "anna" not in str(message.headers)
    assert "anna" not in str(log.calls)


async def test_thirty_looks_take_none_away_and_leave_the_order(
    channel: AbstractChannel, connection: AbstractConnection
) -> None:
    """More looks than RabbitMQ 4 delivers a message by default; more letters than a small map."""
    ids = await buried(channel, QUEUE, 40)
    for _ in range(30):
        # What the last look took comes back when RabbitMQ has noticed that its channel is closed.
        await until(lambda: depth(channel, QUEUE.dead), 40)
        _, letters = await dead_letters.look(connection, QUEUE)
        assert [letter.id for letter in letters] == ids


async def test_a_replay_goes_to_its_own_queue_only_and_as_it_was(
    cinema: Cinema, channel: AbstractChannel
) -> None:
    headers = {"tenant": "north", "x-priority": 1}
    await buried(channel, topology.TICKETING_SEATS, 1)
    ids = await buried(channel, QUEUE, 3, headers=headers, app_id="shop")
    assert (await cinema("events", "dead", "replay", "--all", "--queue", QUEUE.name)).code == 0
    await until(lambda: depth(channel, QUEUE.name), 3)
    assert await depth(channel, topology.TICKETING_SEATS.name) == 0
    assert await depth(channel, topology.TICKETING_SEATS.dead) == 1
    for id_ in ids:
        message = await (await channel.get_queue(QUEUE.name)).get(timeout=5)
        assert message.message_id == id_
        assert message.type == "cinema.ticket.booked.v1"
        assert message.delivery_mode == 2
        assert message.app_id == "shop"
        assert _headers(message) == headers
        await message.ack()


async def test_a_crash_between_copy_and_acknowledgement_loses_nothing_and_has_one_effect(
    channel: AbstractChannel,
    connection: AbstractConnection,
    database: Database,
    rabbitmq_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await buried(channel, QUEUE, 1)

    async def crash(*_: object, **__: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(aio_pika.IncomingMessage, "ack", crash)
        with pytest.raises(InterruptedError):
            await dead_letters.replay(connection, QUEUE, None)
    await until(lambda: depth(channel, QUEUE.name), 1)
    await until(lambda: depth(channel, QUEUE.dead), 1)
    assert await dead_letters.replay(connection, QUEUE, None) == 1
    await until(lambda: depth(channel, QUEUE.name), 2)
    async with running(Consumer(database, rabbitmq_url, QUEUE, record).run()):
        await until(lambda: depth(channel, QUEUE.name), 0)
        await until(lambda: _number(database), 1)
    assert await _number(database) == 1


def _headers(message: AbstractIncomingMessage) -> dict[str, Any]:
    """But for the one that a quorum queue gives to each delivery."""
    return {name: v for name, v in message.headers.items() if name != "x-delivery-count"}


async def _number(database: Database) -> int:
    return len(await effects(database)())


async def test_what_rabbitmq_buried_itself_says_so_and_goes_back_too(
    cinema: Cinema, channel: AbstractChannel, connection: AbstractConnection
) -> None:
    """Whoever takes it dies each time."""
    told = an_event()
    await send(channel, told)

    async def taken() -> bool:
        dying = await connection.channel()
        message = await (await dying.get_queue(QUEUE.name)).get(fail=False, timeout=5)
        await dying.close()
        return message is not None

    async with asyncio.timeout(20):
        while await depth(channel, QUEUE.dead) == 0:
            await taken()
    listed = await cinema("events", "dead", "list", "--json", "--queue", QUEUE.dead)
    [letter] = listed.json[0]["dead_letters"]
    assert (letter["cause"], letter["subject"]) == ("RabbitMQ: delivery_limit", told.subject)
    assert letter["at"]
    assert (await cinema("events", "dead", "replay", "--all")).code == 0
    message = await (await channel.get_queue(QUEUE.name)).get(timeout=5)
    assert (message.message_id, _headers(message)) == (str(told.id), {})
    await message.ack()


async def test_only_the_one_that_is_named_is_thrown_away_and_only_with_a_yes(
    cinema: Cinema, channel: AbstractChannel
) -> None:
    first, second, third = await buried(channel, QUEUE, 3)
    asked = await cinema("events", "dead", "discard", second)
    assert asked.code == 1
    assert f"Throw away dead letter {second} of {QUEUE.name}" in asked.out
    await until(lambda: depth(channel, QUEUE.dead), 3)
    assert (await cinema("events", "dead", "discard", second, "--yes")).code == 0
    left = (await cinema("events", "dead", "list", "--json", "--queue", QUEUE.name)).json
    assert [letter["id"] for letter in left[0]["dead_letters"]] == [first, third]


async def test_a_burial_that_no_queue_takes_leaves_the_message(
    channel: AbstractChannel, connection: AbstractConnection
) -> None:
    """Also on a channel that does not raise for it."""
    await send(channel, an_event())
    lenient = await connection.channel()
    message = await (await lenient.get_queue(QUEUE.name)).get(timeout=5)
    nowhere = topology.Queue("nowhere", ())
    with pytest.raises(LookupError):
        await bury(lenient, message, nowhere, ValueError())
    await lenient.close()
    await until(lambda: depth(channel, QUEUE.name), 1)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["list", "--queue", "elsewhere"], 2, "catalog.tickets, ticketing.screenings"),
        (["show", "nobody"], 1, "events dead list"),
        (["replay"], 2, "by its id, or say --all"),
        (["discard", "one", "--all"], 2, "by its id, or say --all"),
        (["list", "--everything"], 2, "No such option"),
    ],
)
async def test_a_refusal_says_what_to_do(
    cinema: Cinema, channel: AbstractChannel, arguments: list[str], code: int, said: str
) -> None:
    ended = await cinema("events", "dead", *arguments)
    assert (ended.code, said in ended.err) == (code, True), ended.err


async def test_servers_that_are_not_there(cinema: Cinema) -> None:
    away = await cinema("events", "dead", "list", RABBITMQ_URL="amqp://cinema:hush@127.0.0.1:1")
    assert (away.code, "make ps" in away.err) == (3, True)
    assert "hush" not in away.err + away.out
    unknown = Cinema({name: v for name, v in cinema.environment.items() if name != "RABBITMQ_URL"})
    nothing = await unknown("events", "dead", "list")
    assert (nothing.code, "RABBITMQ_URL" in nothing.err, "make up" in nothing.err) == (
        2,
        True,
        True,
    )
