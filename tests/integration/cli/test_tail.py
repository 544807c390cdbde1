"""Looking into the log: from a time, the last few, by subject and type, and what comes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aio_pika.abc import AbstractChannel
from cinema.events import tail
from cinema_shared.events.envelope import Event, EventData, event
from cinema_shared.messaging import event_log

from tests.integration.cli.conftest import Cinema, publish


class Number(EventData):
    number: int


def numbered(number: int, name: str = "ticket.booked", *, ago: timedelta = timedelta()) -> Event:
    told = event("/test", name, f"{name.partition('.')[0]}/{number}", 1, Number(number=number))
    return told.model_copy(update={"time": datetime.now(UTC) - ago})


async def tell(channel: AbstractChannel, *events: Event) -> None:
    for told in events:
        await publish(channel, told.model_dump_json().encode(), told.routing_key)


def numbers(lines: list[Any]) -> list[int]:
    return [line["data"]["number"] for line in lines]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for that long, where there is nothing."""
    monkeypatch.setattr(event_log, "_SILENCE_S", 1.0)
    monkeypatch.setattr(tail, "_SILENCE_S", 1.0)


@pytest.mark.usefixtures("impatient")
async def test_an_empty_log(cinema: Cinema, channel: AbstractChannel) -> None:
    ended = await cinema("events", "tail", "--json")
    assert (ended.code, ended.out) == (0, "")
    assert "empty" in ended.err


@pytest.mark.usefixtures("impatient")
async def test_where_it_begins(cinema: Cinema, channel: AbstractChannel) -> None:
    """A time finds the chunk in which it is: what is older in that is left out."""
    await tell(channel, *(numbered(n, ago=timedelta(hours=12 - n)) for n in range(12)))

    async def seen(*arguments: str, **settings: str) -> list[int]:
        ended = await cinema("events", "tail", "--json", *arguments, **settings)
        assert ended.code == 0, ended.err
        return numbers(ended.lines)

    assert await seen("--from", "first") == list(range(12))
    assert await seen() == list(range(2, 12))
    assert await seen("--last", "3") == [9, 10, 11]
    assert await seen("--last", "50") == list(range(12))
    assert await seen("--from=-150m") == [10, 11]
    assert await seen("--from", "1d") == list(range(12))
    moment = datetime.now(UTC) - timedelta(hours=3.5)
    assert await seen("--from", moment.isoformat()) == [9, 10, 11]
    # Without an offset it is the cinema's own time: here the same figures are three hours earlier.
    assert await seen("--from", f"{moment:%Y-%m-%dT%H:%M}", CINEMA_TIMEZONE="Etc/GMT-3") == [
        *range(6, 12)
    ]
    assert await seen("--from", f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}") == []


async def test_what_is_shown(cinema: Cinema, channel: AbstractChannel) -> None:
    events = [
        numbered(1, "session.created"),
        numbered(1, "ticket.booked"),
        numbered(12, "ticket.booked"),
        numbered(1, "ticket.paid"),
    ]
    await tell(channel, *events)
    await publish(channel, b"rubbish", "ticket.torn.v1")

    async def types(*arguments: str) -> list[str]:
        lines = (await cinema("events", "tail", "--json", *arguments)).lines
        return [line["type"] for line in lines]

    booked, paid, created = (
        f"cinema.{name}.v1" for name in ("ticket.booked", "ticket.paid", "session.created")
    )
    assert await types("--subject", "ticket/1") == [booked, paid]
    assert await types("--subject", "*/1") == [created, booked, paid]
    assert await types("--type", "ticket.*") == [booked, booked, paid]
    assert await types("--type", "ticket.booked") == [booked, booked]
    assert await types("--type", paid) == [paid]
    assert await types("--type", "ticket.*", "--last", "1") == [paid]
    assert await types("--type", "ticket.booked", "--subject", "session/*") == []

    whole = await cinema("events", "tail", "--json")
    assert whole.lines == [json.loads(told.model_dump_json()) for told in events]
    assert "ticket.torn.v1" in whole.err
    told = (await cinema("events", "tail")).out.splitlines()
    assert len(told) == 4
    assert "ticket.booked.v1" in told[2]
    assert "ticket/12 v1" in told[2]
    assert '"number": 12' in told[2]


async def test_following(cinema: Cinema, channel: AbstractChannel) -> None:
    await tell(channel, numbered(1), numbered(2))
    process = await cinema.start("events", "tail", "--last", "1", "--follow", "--json")
    assert process.stdout
    try:
        async with asyncio.timeout(20):
            assert numbers([json.loads(await process.stdout.readline())]) == [2]
            await tell(channel, numbered(3), numbered(4))
            lines = [json.loads(await process.stdout.readline()) for _ in range(2)]
            assert numbers(lines) == [3, 4]
    finally:
        process.terminate()
        await process.wait()


async def test_whoever_has_read_enough_may_go(cinema: Cinema, channel: AbstractChannel) -> None:
    body = json.dumps({"data": "x" * 10_000}).encode()
    await asyncio.gather(*(publish(channel, body, "ticket.booked.v1") for _ in range(200)))
    process = await cinema.start("events", "tail", "--from", "first")
    assert process.stdout
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        assert await process.wait() == 0
    assert process.stderr
    assert await process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "yesterday"], "a span as -2h"),
        (["--from", "first", "--last", "2"], "do not go together"),
        (["--last", "0"], "--last"),
    ],
)
async def test_a_refusal(cinema: Cinema, arguments: list[str], said: str) -> None:
    ended = await cinema("events", "tail", *arguments)
    assert (ended.code, said in ended.err) == (2, True), ended.err
