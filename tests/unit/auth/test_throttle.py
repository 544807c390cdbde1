import asyncio

import pytest
from auth_service.tokens.throttle import LoginThrottle
from cinema_shared.problems import TooManyRequests


async def _most_at_once(throttle: LoginThrottle, visitors: list[tuple[str, str]]) -> int:
    inside = most = 0

    async def visit(address: str, username: str) -> None:
        nonlocal inside, most
        async with throttle.turn(address, username):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(visit(*visitor) for visitor in visitors))
    return most


async def test_one_visitor_has_few_turns_at_once() -> None:
    throttle = LoginThrottle(enabled=True)

    assert await _most_at_once(throttle, [("192.0.2.1", "Greta")] * 10) == 3
    assert await _most_at_once(throttle, [("192.0.2.1", n) for n in ("greta", "GRETA") * 5]) == 3
    assert throttle._gates == {}


@pytest.mark.parametrize(
    "visitors",
    [
        [(f"192.0.2.{n}", "greta") for n in range(10)],
        [("192.0.2.1", f"greta{n}") for n in range(10)],
    ],
    ids=["by address", "by user name"],
)
async def test_others_do_not_wait(visitors: list[tuple[str, str]]) -> None:
    assert await _most_at_once(LoginThrottle(enabled=True), visitors) == 10


async def test_a_crowd_is_sent_away() -> None:
    with pytest.raises(TooManyRequests):
        await _most_at_once(LoginThrottle(enabled=True), [("192.0.2.1", "greta")] * 101)


async def test_it_can_be_off() -> None:
    throttle = LoginThrottle(enabled=False)

    assert await _most_at_once(throttle, [("192.0.2.1", "greta")] * 150) == 150
