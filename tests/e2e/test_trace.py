"""One trace, from a customer's request to whoever hears of what came of it."""

import asyncio
import secrets

import pytest

from tests.e2e.conftest import Client, Suite
from tests.e2e.test_events_on_the_wire import listening

# Against somebody's suite there may be no broker for us.
pytestmark = pytest.mark.own_suite


async def test_what_a_listener_hears_carries_the_customers_trace(
    suite: Suite, staff: Client, customer: Client
) -> None:
    session = await staff.session()
    traces = {name: secrets.token_hex(16) for name in ("hold", "book", "pay")}

    async def traced(name: str, method: str, path: str, body: object = None) -> object:
        headers = {"traceparent": f"00-{traces[name]}-{secrets.token_hex(8)}-01"}
        headers["Authorization"] = f"Bearer {customer.token}"
        async with customer.http.request(
            method, f"{suite.url}/{path}", json=body, headers=headers
        ) as response:
            assert response.status in (200, 201)
            return await response.json()

    async with listening(suite) as heard:
        basket = {"session": session, "seats": [{"row": 2, "seat": 2}]}
        hold = await traced("hold", "POST", "hold/", basket)
        tickets = await traced("book", "POST", "book/", {"hold": hold["id"]})  # type: ignore[index]
        await traced("pay", "PATCH", f"pay/{tickets[0]['id']}/")  # type: ignore[index]
        expected = {
            "cinema.hold.created.v1": traces["hold"],
            "cinema.ticket.booked.v1": traces["book"],
            "cinema.ticket.paid.v1": traces["pay"],
        }
        async with asyncio.timeout(10):
            while True:
                found = {
                    seen["body"]["type"]: seen["body"]["traceparent"].split("-")[1]
                    for seen in heard
                    if seen["body"]["data"].get("session") == session
                }
                if found.keys() >= expected.keys():
                    break
                await asyncio.sleep(0.05)
    assert found == expected
