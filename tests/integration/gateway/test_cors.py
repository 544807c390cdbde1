"""Pages of other origins."""

import pytest

from tests.integration.gateway.conftest import ORIGIN, Entrance, entrance
from tests.integration.gateway.double import Double
from tests.support.tokens import Issuer

PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}
OTHERS = [
    "null",
    "*",
    "https://evil.example",
    "https://tickets.example.evil.example",
    "http://tickets.example",
    "https://tickets.example:444",
    "https://TICKETS.example",
]


async def test_a_named_origin_may_ask(gateway: Entrance) -> None:
    headers = {"Origin": ORIGIN, **PREFLIGHT}
    async with gateway.ask("OPTIONS", "/hall/", headers=headers) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
        assert "authorization" in response.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in response.headers
    assert gateway.service.requests == []


@pytest.mark.parametrize(
    ("target", "status"), [("/hall/", 200), ("/nothing", 404), ("/ticket/", 401)]
)
async def test_and_read_every_answer(gateway: Entrance, target: str, status: int) -> None:
    async with gateway.ask("GET", target, headers={"Origin": ORIGIN}) as response:
        assert response.status == status
        assert response.headers.getall("Access-Control-Allow-Origin") == [ORIGIN]
        assert "x-request-id" in response.headers["Access-Control-Expose-Headers"]
        assert response.headers["Vary"] == "origin"


@pytest.mark.parametrize("origin", OTHERS)
async def test_no_other_may(gateway: Entrance, origin: str) -> None:
    headers = {"Origin": origin}
    async with gateway.ask("OPTIONS", "/hall/", headers=headers | PREFLIGHT) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD, POST"
        assert "Access-Control-Allow-Origin" not in response.headers
    async with gateway.ask("GET", "/hall/", headers=headers) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
        assert response.headers["Vary"] == "origin"


async def test_options_without_a_page_is_a_wrong_method(gateway: Entrance) -> None:
    async with gateway.ask("OPTIONS", "/hall/") as response:
        assert response.status == 405
    async with gateway.ask("OPTIONS", "/nothing", headers={"Origin": ORIGIN}) as response:
        assert response.status == 404


async def test_no_origin_at_all_unless_named() -> None:
    async with entrance(Double(), Issuer()) as gateway:
        headers = {"Origin": ORIGIN} | PREFLIGHT
        async with gateway.ask("OPTIONS", "/hall/", headers=headers) as response:
            assert response.status == 405
        async with gateway.ask("GET", "/hall/", headers=headers) as response:
            assert not [name for name in response.headers if name.startswith("Access-Control")]
