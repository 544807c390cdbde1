"""Who is calling, and what nobody can say of himself."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from tests.integration.gateway.conftest import Entrance
from tests.support.tokens import Issuer

PUBLIC = ["/movie/", "/hall/1", "/session/", "/session/1/seats", "/ticket_status/"]
FORGED = ["X-User-Id", "X_User_Id", "X-Roles", "X-Is-Staff", "X-Forwarded-User", "Any_Thing"]


@pytest.mark.parametrize("target", PUBLIC)
async def test_anybody_may_look(gateway: Entrance, target: str) -> None:
    async with gateway.ask("GET", target) as response:
        assert response.status == 200


@pytest.mark.parametrize("target", [*PUBLIC, "/docs", "/openapi.json", "/.well-known/jwks.json"])
async def test_but_a_bad_token_is_refused_there_too(gateway: Entrance, target: str) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    async with gateway.ask("GET", target, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.content_type == "application/problem+json"
        assert (await response.json())["code"] == "invalid_token"

    assert gateway.service.requests == []


@pytest.mark.parametrize("target", ["/register/", "/token/", "/token/refresh/", "/token/revoke/"])
async def test_a_bad_token_does_not_keep_anybody_from_logging_in(
    gateway: Entrance, target: str
) -> None:
    headers = {"Authorization": "Bearer expired"}
    async with gateway.ask("POST", target, headers=headers, data=b"{}") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("method", "target"),
    [("POST", "/book/"), ("GET", "/ticket/"), ("POST", "/movie/"), ("GET", "/current_user/")],
)
async def test_the_rest_needs_a_token(gateway: Entrance, method: str, target: str) -> None:
    async with gateway.ask(method, target) as response:
        assert response.status == 401
        assert (await response.json())["code"] == "unauthorized"
    assert gateway.service.requests == []

    async with gateway.ask(method, target, headers=gateway.issuer.bearer(1)) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "sent", ["Basic dTpw", "Bearer", "Bearer ", "", "Token x", "Bearer a b", "Bearer \u00e9"]
)
async def test_other_ways_of_saying_who_one_is(gateway: Entrance, sent: str) -> None:
    async with gateway.ask("GET", "/movie/", headers={"Authorization": sent}) as response:
        assert response.status == 401


@pytest.mark.parametrize("scheme", ["Token", "Basic", "JWT"])
async def test_a_good_token_under_another_name(gateway: Entrance, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {gateway.issuer.token(1)}"}
    async with gateway.ask("GET", "/movie/", headers=headers) as response:
        assert response.status == 401


async def test_the_token_itself_is_passed_on(gateway: Entrance) -> None:
    headers = gateway.issuer.bearer(1)
    async with gateway.ask("GET", "/ticket/", headers=headers):
        pass

    assert gateway.service.last.one("authorization") == headers["Authorization"]


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/register/"), ("GET", "/movie/"), ("GET", "/ticket/")]
)
async def test_nobody_says_himself_who_he_is(
    gateway: Entrance, name: str, method: str, target: str
) -> None:
    headers = gateway.issuer.bearer(1) | {name: "1"}
    async with gateway.ask(method, target, headers=headers) as response:
        assert response.status == 200

    assert gateway.service.last.all(name.lower()) == []


async def test_the_peer_is_who_is_connected(gateway: Entrance) -> None:
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "elsewhere",
        "X-Forwarded-Port": "1",
        "Forwarded": "for=203.0.113.9",
        "X-Real-IP": "203.0.113.9",
    }
    async with gateway.ask("GET", "/movie/", headers=headers):
        pass

    sent = gateway.service.last
    assert sent.one("x-forwarded-for") == "127.0.0.1"
    assert sent.one("x-forwarded-proto") == "http"
    assert sent.one("x-forwarded-host") == sent.one("host") == gateway.url.removeprefix("http://")
    assert sent.all("forwarded") == sent.all("x-real-ip") == sent.all("x-forwarded-port") == []


@pytest.mark.parametrize(
    "named",
    ["X-Request-ID", "traceparent", "X-Forwarded-For", "Host", "Content-Length", "Authorization"],
)
async def test_connection_cannot_take_away_what_is_added(gateway: Entrance, named: str) -> None:
    headers = gateway.issuer.bearer(1) | {"Connection": f"keep-alive, {named}"}
    async with gateway.ask("POST", "/book/", data=b"{}", headers=headers) as response:
        assert response.status == 200

    assert gateway.service.last.one(named.lower())


async def test_two_callers_in_one_request(gateway: Entrance) -> None:
    token = gateway.issuer.token(1).encode()
    answered = await gateway.raw(
        b"GET /ticket/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + b"\r\n"
        b"Authorization: Bearer " + token + b"\r\nConnection: close\r\n\r\n"
    )

    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answered
    assert gateway.service.requests == []


async def test_a_trailer_does_not_say_who_is_calling(gateway: Entrance) -> None:
    token = gateway.issuer.token(1).encode()
    answered = await gateway.raw(
        b"POST /book/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n0\r\nAuthorization: Bearer " + token + b"\r\n\r\n"
    )

    assert answered.startswith(b"HTTP/1.1 401 ")
    assert gateway.service.requests == []


def _public_key(issuer: Issuer, encoding: serialization.Encoding) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return issuer.private_key.public_key().public_bytes(encoding, form)


def _signed_with_public_key(issuer: Issuer, encoding: serialization.Encoding) -> str:
    """HS256, by hand: PyJWT itself refuses to make such a token."""
    _, claims, _ = issuer.token(1).split(".")
    head = json.dumps({"alg": "HS256", "kid": issuer.kid, "typ": "at+jwt"}).encode()
    text = base64.urlsafe_b64encode(head).rstrip(b"=").decode() + "." + claims
    mac = hmac.new(_public_key(issuer, encoding), text.encode(), "sha256").digest()
    return text + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _unsigned(issuer: Issuer) -> str:
    claims = jwt.decode(issuer.token(1), options={"verify_signature": False})
    return jwt.encode(claims, None, "none", {"kid": issuer.kid, "typ": "at+jwt"})  # type: ignore[arg-type]


def _tampered(issuer: Issuer) -> str:
    head, claims, signature = issuer.token(1).split(".")
    document = json.loads(base64.urlsafe_b64decode(claims + "=="))
    document["is_staff"] = True
    claims = base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
    return f"{head}.{claims}.{signature}"


BAD_TOKENS: dict[str, Any] = {
    "unsigned": _unsigned,
    "signed with the public key, PEM": lambda i: _signed_with_public_key(
        i, serialization.Encoding.PEM
    ),
    "signed with the public key, DER": lambda i: _signed_with_public_key(
        i, serialization.Encoding.DER
    ),
    "another issuer's key": lambda i: Issuer().token(1, headers={"kid": i.kid}),
    "a key that nobody knows": lambda i: i.token(1, headers={"kid": "other"}),
    "a kid with a path": lambda i: i.token(1, headers={"kid": "../../etc/passwd"}),
    "a kid with SQL": lambda i: i.token(1, headers={"kid": "' OR 1=1 --"}),
    "expired": lambda i: i.token(1, exp=int(time.time()) - 60),
    "not yet valid": lambda i: i.token(1, nbf=int(time.time()) + 60),
    "another audience": lambda i: i.token(1, aud="other"),
    "another issuer": lambda i: i.token(1, iss="other"),
    "a refresh token": lambda i: i.token(1, headers={"typ": "refresh+jwt"}),
    "without an end": lambda i: i.token(1, exp=None),
    "tampered with": _tampered,
    "cut off": lambda i: i.token(1)[:-10],
    "too long": lambda i: i.token(1, padding="x" * 5000),
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_a_token_is_ours_and_valid(gateway: Entrance, kind: str) -> None:
    headers = {"Authorization": f"Bearer {BAD_TOKENS[kind](gateway.issuer)}"}
    for target in ("/ticket/", "/movie/"):
        async with gateway.ask("GET", target, headers=headers) as response:
            assert response.status == 401

    assert gateway.service.requests == []


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk"])
async def test_a_key_that_a_token_brings_along_is_not_looked_at(
    gateway: Entrance, name: str
) -> None:
    stranger = Issuer()
    (key,) = await stranger.keys()
    value = key if name == "jwk" else gateway.url + "/.well-known/jwks.json"
    token = stranger.token(1, headers={"kid": gateway.issuer.kid, name: value})

    headers = {"Authorization": f"Bearer {token}"}
    async with gateway.ask("GET", "/ticket/", headers=headers) as response:
        assert response.status == 401
    assert gateway.service.requests == []
