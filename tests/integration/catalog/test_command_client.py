"""Asking over RabbitMQ: answered, not answered, and with a broker that is away or frozen."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from cinema_shared.messaging.commands import CommandClient
from cinema_shared.problems import ServiceUnavailable
from pydantic import BaseModel

from tests.support.proxy import Proxy, proxy


class Question(BaseModel):
    number: int


class Answer(BaseModel):
    number: int


@dataclass
class Echo:
    """Answers each question with its number, until told otherwise."""

    channel: AbstractChannel
    queue: str = field(default_factory=lambda: f"test.{uuid.uuid4().hex}")
    delay: float = 0.0
    rubbish: bool = False
    heard: int = 0

    async def answer(self, message: AbstractIncomingMessage) -> None:
        self.heard += 1
        number = Question.model_validate_json(message.body).number
        await asyncio.sleep(self.delay / (number or 1))
        body = b"{}" if self.rubbish else Answer(number=number).model_dump_json().encode()
        assert message.reply_to
        await self.channel.default_exchange.publish(
            aio_pika.Message(body, correlation_id=message.correlation_id), message.reply_to
        )


@pytest.fixture
async def echo(rabbitmq_url: str) -> AsyncIterator[Echo]:
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection:
        echo = Echo(await connection.channel())
        queue = await echo.channel.declare_queue(echo.queue, exclusive=True)
        await queue.consume(echo.answer, no_ack=True)
        yield echo


@pytest.fixture
async def broker(rabbitmq_url: str) -> AsyncIterator[Proxy]:
    async with proxy(rabbitmq_url) as between:
        yield between


@pytest.fixture
async def client(broker: Proxy) -> AsyncIterator[CommandClient]:
    client = CommandClient(broker.url, "test")
    yield client
    await client.close()


async def ask(client: CommandClient, queue: str, number: int = 1, seconds: float = 2.0) -> int:
    answer = await client.ask(queue, Question(number=number), Answer, timeout=seconds)
    return answer.number


async def refused(client: CommandClient, queue: str, seconds: float = 2.0) -> float:
    """After how long."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(ServiceUnavailable) as refusal:
        await ask(client, queue, seconds=seconds)
    assert refusal.value.headers["Retry-After"] == "1"
    return loop.time() - started


async def test_each_gets_its_own_answer(client: CommandClient, echo: Echo) -> None:
    """In whatever order answers come: the first question is answered last."""
    echo.delay = 0.5
    numbers = await asyncio.gather(*(ask(client, echo.queue, number) for number in range(1, 101)))
    assert numbers == list(range(1, 101))


async def test_where_there_is_no_queue_nobody_waits(client: CommandClient) -> None:
    assert await refused(client, "test.nowhere", seconds=5) < 1


async def test_what_nobody_answers_dies_in_the_queue(client: CommandClient, echo: Echo) -> None:
    queue = await echo.channel.declare_queue(f"{echo.queue}.idle", exclusive=True)
    assert 0.3 < await refused(client, queue.name, seconds=0.3) < 0.6
    await asyncio.sleep(0.1)
    assert await queue.get(fail=False) is None


async def test_an_answer_that_comes_too_late_is_nobodys(client: CommandClient, echo: Echo) -> None:
    assert await ask(client, echo.queue) == 1
    echo.delay = 0.4
    await refused(client, echo.queue, seconds=0.2)
    echo.delay = 0.0
    assert await ask(client, echo.queue, 7) == 7
    await asyncio.sleep(0.3)
    assert await ask(client, echo.queue, 8) == 8


async def test_an_answer_that_is_none(client: CommandClient, echo: Echo) -> None:
    echo.rubbish = True
    assert await refused(client, echo.queue) < 1
    echo.rubbish = False
    assert await ask(client, echo.queue) == 1


async def test_a_broker_that_is_away_is_told_of_at_once(
    client: CommandClient, echo: Echo, broker: Proxy
) -> None:
    await broker.stop()
    assert await refused(client, echo.queue) < 0.5
    await broker.start()
    assert await ask(client, echo.queue) == 1


async def test_a_lost_connection_is_made_again(
    client: CommandClient, echo: Echo, broker: Proxy
) -> None:
    for number in range(1, 6):
        assert await ask(client, echo.queue, number) == number
        broker.cut()
        await asyncio.sleep(0.05)


async def test_a_connection_that_breaks_while_asking(
    client: CommandClient, echo: Echo, broker: Proxy
) -> None:
    """Told at once, and as an outage: not as a cancellation that nobody asked for."""
    await ask(client, echo.queue)
    echo.delay = 5
    asking = asyncio.create_task(refused(client, echo.queue, seconds=3))
    await asyncio.sleep(0.2)
    broker.cut()
    assert await asking < 1
    echo.delay = 0
    assert await ask(client, echo.queue) == 1


@pytest.mark.parametrize("connected", [True, False])
async def test_a_frozen_broker_holds_nobody_longer_than_the_deadline(
    client: CommandClient, echo: Echo, broker: Proxy, connected: bool
) -> None:
    if connected:
        await ask(client, echo.queue)
    broker.freeze()
    waited = await asyncio.gather(*(refused(client, echo.queue, seconds=0.5) for _ in range(5)))
    assert max(waited) < 0.8
    broker.thaw()
    assert await ask(client, echo.queue) == 1


async def test_a_connection_that_hangs_is_left(
    client: CommandClient, echo: Echo, broker: Proxy
) -> None:
    """It would be taken for alive until its heartbeats have failed, 15 seconds later."""
    await ask(client, echo.queue)
    broker.strand()
    await refused(client, echo.queue, seconds=0.5)
    assert await ask(client, echo.queue) == 1


async def test_who_is_cancelled_stays_cancelled(client: CommandClient, echo: Echo) -> None:
    echo.delay = 5
    asking = asyncio.create_task(ask(client, echo.queue))
    await asyncio.sleep(0.2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_nothing_is_connected_before_something_is_asked() -> None:
    client = CommandClient("amqp://nobody@127.0.0.1:1/", "test")
    await client.close()
