"""What every endpoint refuses before its own code runs, and how that reads."""

import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from cinema_shared.app import Process, create_app
from cinema_shared.database import Database
from cinema_shared.http.fields import Body, Id, Name
from cinema_shared.http.strict import StrictRoute
from cinema_shared.problems import Conflict
from cinema_shared.settings import Settings
from fastapi import APIRouter

from tests.support import http

router = APIRouter(route_class=StrictRoute)


class Thing(Body):
    name: Name
    count: Id = 1


class Refused(Conflict):
    code = "refused"
    detail = "It cannot be."


@router.post("/thing", status_code=201)
async def make(thing: Thing) -> Thing:
    if thing.name == "refused":
        raise Refused(reason=7)
    if thing.name == "broken":
        raise KeyError("postgresql://secret@10.0.0.1/")
    if thing.name == "away":
        raise ConnectionRefusedError("10.0.0.1:5432")
    return thing


@router.get("/thing")
async def show() -> dict[str, str]:
    return {"name": "a thing"}


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    @asynccontextmanager
    async def start(process: Process) -> AsyncIterator[None]:
        process.app.state.database = Database("postgresql://nobody@127.0.0.1:1/x", application="t")
        process.checks["database"] = process.app.state.database.ping
        yield

    async with http.serve(create_app("test", Settings(), start=start, routers=[router])) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url) as client:
        yield client


JSON = {"Content-Type": "application/json"}
NONSENSE = {
    "no JSON": b"{",
    "NaN": b'{"name": "a", "count": NaN}',
    "Infinity": b'{"name": "a", "count": Infinity}',
    "a key twice": b'{"name": "a", "name": "b"}',
    "not UTF-8": b'{"name": "\xff"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "NUL": b'{"name": "a\\u0000"}',
    "an unknown field": b'{"name": "a", "is_staff": true}',
    "100,000 deep": b'{"name": ' + b"[" * 100_000,
    "a huge number": b'{"name": "a", "count": ' + b"9" * 10_000 + b"}",
    "a list": b"[]",
    "nothing": b"",
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_is_422_and_quick(client: aiohttp.ClientSession, body: bytes) -> None:
    async with client.post("/thing", data=body, headers=JSON) as response:
        problem = await response.json()
    assert (response.status, response.content_type) == (422, "application/problem+json")
    assert problem["code"] == "validation_error"
    assert problem["errors"]
    assert problem["request_id"] == response.headers["X-Request-ID"]


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(11):
        yield b"x" * 100_000


@pytest.mark.parametrize("body", [lambda: io.BytesIO(b"x" * 1_000_100), chunks])
async def test_a_body_over_1_mb(client: aiohttp.ClientSession, body: Any) -> None:
    async with client.post("/thing", data=body(), headers=JSON) as response:
        assert (response.status, (await response.json())["code"]) == (413, "body_too_large")


async def test_a_query_parameter_that_nobody_asked_for(client: aiohttp.ClientSession) -> None:
    async with client.get("/thing?colour=red") as response:
        problem = await response.json()
    assert (response.status, problem["errors"][0]["field"]) == (422, "colour")


@pytest.mark.parametrize("path", ["/thing", "/thing/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_both_spellings_and_head(
    client: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with client.request(method, path, allow_redirects=False) as response:
        assert response.status == 200
        assert response.content_length == len(
            json.dumps({"name": "a thing"}, separators=(",", ":"))
        )
        assert bool(await response.read()) == (method == "GET")


async def test_a_rules_refusal(client: aiohttp.ClientSession) -> None:
    headers = {"X-Request-ID": "mine-1"}
    async with client.post("/thing", json={"name": "refused"}, headers=headers) as response:
        assert await response.json() == {
            "type": "urn:cinema:problem:refused",
            "title": "Conflict",
            "status": 409,
            "detail": "It cannot be.",
            "code": "refused",
            "request_id": "mine-1",
            "reason": 7,
        }


async def test_what_is_broken_tells_nothing(client: aiohttp.ClientSession) -> None:
    async with client.post("/thing", json={"name": "broken"}) as response:
        text = await response.text()
    assert response.status == 500
    assert "secret" not in text
    assert "Traceback" not in text
    async with client.post("/thing", json={"name": "away"}) as response:
        text = await response.text()
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert "10.0.0.1" not in text


async def test_unknown_paths_and_methods(client: aiohttp.ClientSession) -> None:
    async with client.get("/nowhere") as response:
        assert (response.status, (await response.json())["code"]) == (404, "not_found")
    async with client.delete("/thing") as response:
        assert (response.status, (await response.json())["code"]) == (405, "method_not_allowed")
        assert response.headers["Allow"]


async def test_a_request_id_that_is_no_token_is_replaced(client: aiohttp.ClientSession) -> None:
    async with client.get("/thing", headers={"X-Request-ID": "a b;c"}) as response:
        assert response.headers["X-Request-ID"] != "a b;c"


async def test_readiness_names_what_is_missing(client: aiohttp.ClientSession) -> None:
    began = time.monotonic()
    async with client.get("/readyz") as response:
        assert response.status == 503
        assert (await response.json())["missing"] == ["database"]
    assert time.monotonic() - began < 5
    async with client.get("/livez") as response:
        assert response.status == 200
