"""The table, against the endpoints as the contract lists them."""

import pytest
from cinema_shared.problems import NotFound

from gateway import routes

# Written down a second time on purpose: method, path, upstream, who.
CONTRACT = """
POST register auth anyone
POST token auth anyone
POST token/refresh auth anyone
POST token/revoke auth anyone
GET .well-known/jwks.json auth anyone
GET current_user auth user
GET user auth user
GET user/7 auth user
PATCH user/7 auth user
GET hall catalog anyone
POST hall catalog user
GET hall/7 catalog anyone
PATCH hall/7 catalog user
DELETE hall/7 catalog user
GET movie catalog anyone
POST movie catalog user
GET movie/7 catalog anyone
PUT movie/7 catalog user
PATCH movie/7 catalog user
DELETE movie/7 catalog user
GET session catalog anyone
POST session catalog user
GET session/7 catalog anyone
PUT session/7 catalog user
PATCH session/7 catalog user
DELETE session/7 catalog user
GET session/7/seats ticketing anyone
POST hold ticketing user
GET hold/Zx-9_a ticketing user
PATCH hold/Zx-9_a ticketing user
DELETE hold/Zx-9_a ticketing user
POST book ticketing user
GET ticket ticketing user
GET ticket/7 ticketing user
DELETE ticket/7 ticketing user
PATCH pay/7 ticketing user
GET ticket_status ticketing anyone
GET docs gateway anyone
GET openapi.json gateway anyone
GET livez gateway anyone
GET readyz gateway anyone
"""
ENDPOINTS = [tuple(line.split()) for line in CONTRACT.strip().splitlines()]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


@pytest.mark.parametrize(("method", "path", "upstream", "who"), ENDPOINTS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_an_endpoint_of_the_contract_is_routed(
    method: str, path: str, upstream: str, who: str, slash: str
) -> None:
    route = routes.find(f"/{path}{slash}".encode())

    assert route.upstream == upstream
    assert routes.needs_user(route, method) is (who == "user")


@pytest.mark.parametrize("path", sorted({path for _, path, _, _ in ENDPOINTS}))
def test_no_other_method_is(path: str) -> None:
    known = {method for method, endpoint, _, _ in ENDPOINTS if endpoint == path}
    known |= {"HEAD"} if "GET" in known else set()
    route = routes.find(f"/{path}/".encode())

    for method in set(METHODS) - known:
        with pytest.raises(routes.MethodNotAllowed) as refusal:
            routes.needs_user(route, method)
        assert refusal.value.headers["Allow"] == ", ".join(sorted(known))


def test_head_is_for_whom_get_is() -> None:
    assert routes.needs_user(routes.find(b"/ticket"), "HEAD")
    assert not routes.needs_user(routes.find(b"/movie"), "HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/internal/revocations",
        "/metrics",
        "/auth/readyz",
        "/readyz/all",
        "/Movie",
        "/movies",
        "/%6dovie",
        "/movie/7/seats",
        "/session/7/seats/1",
        "/token/7",
        "/pay",
        "/.well-known",
        "/user/7/ticket",
        "/docs/index.html",
    ],
)
def test_what_is_not_in_the_table_is_not_there(path: str) -> None:
    with pytest.raises(NotFound):
        routes.find(path.encode())


def test_only_logging_in_goes_without_looking_at_the_token() -> None:
    unlooked = {route.pattern for route in routes.TABLE if not route.checks_token}

    assert unlooked == {"register", "token", "token/refresh", "token/revoke"}
