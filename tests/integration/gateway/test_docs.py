"""The one document and its page, from the services' own."""

import pytest

from gateway import docs
from tests.integration.gateway.conftest import entrance
from tests.integration.gateway.double import Double
from tests.support.tokens import Issuer

DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {
        "/movie": {
            "get": {
                "summary": "List Movies",
                "tags": ["movies"],
                "responses": {"200": {"description": "The films"}},
            }
        },
        "/ticket": {"get": {"summary": "List Tickets", "responses": {}}},
        "/internal/revocations": {"get": {"responses": {}}},
    },
}


async def test_one_document_for_all_services() -> None:
    service = Double()
    service.document = DOCUMENT
    async with (
        entrance(service, Issuer()) as gateway,
        gateway.ask("GET", "/openapi.json") as response,
    ):
        assert response.content_type == "application/json"
        document = await response.json()

    assert document["info"]["title"] == "Cinema tickets"
    assert set(document["paths"]) == {"/movie/", "/ticket/", "/livez", "/readyz"}


async def test_the_page_needs_nothing_from_elsewhere() -> None:
    service = Double()
    service.document = DOCUMENT
    async with entrance(service, Issuer()) as gateway, gateway.ask("GET", "/docs/") as response:
        assert response.content_type == "text/html"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        page = await response.text()

    assert "List Movies" in page
    assert "/internal/" not in page
    assert "<script" not in page


async def test_a_service_that_is_away_is_shown_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(docs, "_FRESH_FOR_S", 0.0)
    monkeypatch.setattr(docs, "_INCOMPLETE_FOR_S", 0.0)
    monkeypatch.setattr(docs, "_FETCH_WITHIN_S", 0.1)
    service = Double()
    async with entrance(service, Issuer()) as gateway:
        async with gateway.ask("GET", "/openapi.json") as response:
            assert set((await response.json())["paths"]) == {"/livez", "/readyz"}

        service.document = DOCUMENT
        async with gateway.ask("GET", "/openapi.json") as response:
            assert "/movie/" in (await response.json())["paths"]

        service.frozen = True
        async with gateway.ask("GET", "/openapi.json") as response:
            assert "/movie/" in (await response.json())["paths"]
