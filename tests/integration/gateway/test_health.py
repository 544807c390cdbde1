"""`livez` and `readyz`."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from cinema_shared.tokens import Revocations

from gateway import discovery
from tests.integration.gateway.conftest import Entrance, entrance
from tests.integration.gateway.double import Double
from tests.support.tokens import Issuer


class AuthIsAway(Issuer):
    async def keys(self) -> list[dict[str, Any]]:
        raise ConnectionRefusedError

    async def revocations(self, since: datetime | None) -> Revocations:
        raise ConnectionRefusedError


@pytest.mark.parametrize("slash", ["", "/"])
async def test_ready(gateway: Entrance, slash: str) -> None:
    async with gateway.ask("GET", "/livez" + slash) as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    async with gateway.ask("GET", "/readyz" + slash) as response:
        assert (response.status, await response.json()) == (200, {"status": "ready"})
    async with gateway.ask("HEAD", "/readyz" + slash) as response:
        assert response.status == 200
    async with gateway.ask("POST", "/readyz" + slash) as response:
        assert response.status == 405


async def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_PROBE_EVERY_S", 0.05)
    service = Double()
    nobody = "http://127.0.0.1:1"
    async with entrance(service, Issuer(), ticketing_url=nobody) as gateway:
        async with gateway.ask("GET", "/readyz") as response:
            assert response.status == 503
            assert await response.json() == {"status": "unready", "missing": ["ticketing"]}

        service.ready = False
        await asyncio.sleep(0.3)
        async with gateway.ask("GET", "/readyz") as response:
            assert (await response.json())["missing"] == ["auth", "catalog", "ticketing"]
        async with gateway.ask("GET", "/livez") as response:
            assert response.status == 200

        service.ready = True
        await asyncio.sleep(0.3)
        async with gateway.ask("GET", "/readyz") as response:
            assert (await response.json())["missing"] == ["ticketing"]


async def test_without_keys_nobody_can_be_known() -> None:
    async with entrance(Double(), AuthIsAway()) as gateway:
        async with gateway.ask("GET", "/readyz") as response:
            assert (await response.json())["missing"] == ["keys"]
        headers = Issuer().bearer(1)
        async with gateway.ask("GET", "/ticket/", headers=headers) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "1"
        async with gateway.ask("GET", "/movie/") as response:
            assert response.status == 200
