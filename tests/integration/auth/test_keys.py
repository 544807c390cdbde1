"""Signing keys: what is published, rotation, and the tokens that nobody may accept."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from auth_service import api
from auth_service.migrate import prepare
from auth_service.tokens import keyring
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from tests.integration.auth.conftest import Auth, running


async def test_public_keys_are_published_and_cacheable(auth: Auth) -> None:
    answer = await auth.call("GET", "/.well-known/jwks.json/", token="rubbish")

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    [key] = answer.body["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


async def test_the_private_key_is_encrypted(auth: Auth) -> None:
    [row] = await auth.sql("SELECT private_key FROM signing_keys")

    assert b"PRIVATE KEY" not in row.private_key
    secret = auth.settings.auth_keys_secret.get_secret_value()
    assert b"PRIVATE KEY" in Fernet(secret).decrypt(row.private_key)


async def test_a_published_key_verifies(auth: Auth) -> None:
    _, _, tokens = await auth.new_user()
    [key] = (await auth.call("GET", "/.well-known/jwks.json")).body["keys"]

    claims = jwt.decode(
        tokens["access"], jwt.PyJWK(key).key, algorithms=["RS256"], audience="cinema"
    )

    assert claims["iss"] == "cinema-auth"


@pytest.fixture
def _keys_are_read_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "READ_EVERY_S", 0.2)


@pytest.mark.usefixtures("_keys_are_read_often")
async def test_rotation_needs_no_restart(postgres_url: str) -> None:
    async with running(postgres_url) as auth:
        before = await auth.staff_token()
        old = jwt.get_unverified_header(before)["kid"]

        async with auth.database.transaction() as transaction:
            secret = auth.settings.auth_keys_secret
            new = await keyring.add_key(transaction, secret, timedelta(minutes=5))
        await _until_published(auth, {old, new})
        assert jwt.get_unverified_header(await auth.staff_token())["kid"] == old

        await auth.sql("UPDATE signing_keys SET active_from = now() WHERE kid = :kid", kid=new)
        async with asyncio.timeout(10):
            after = before
            while jwt.get_unverified_header(after)["kid"] != new:
                after = await auth.staff_token()
            # Those who have not heard of the new key refuse it, and hear of it within 2 s.
            for token in 2 * [before, after]:
                while (await auth.call("GET", "/user", token=token)).status != 200:
                    await asyncio.sleep(0.1)

        await auth.sql("UPDATE signing_keys SET retired_at = now() WHERE kid = :kid", kid=old)
        await _until_published(auth, {new})


async def _until_published(auth: Auth, kids: set[str]) -> None:
    agreed = 0
    async with asyncio.timeout(10):
        while agreed < len(auth.urls):
            keys = (await auth.call("GET", "/.well-known/jwks.json")).body["keys"]
            agreed = agreed + 1 if {key["kid"] for key in keys} == kids else 0
            await asyncio.sleep(0.05)


async def test_preparing_twice_at_once_makes_one_key_and_one_staff_account(
    own_auth: Auth,
) -> None:
    await own_auth.sql("DELETE FROM signing_keys")
    await own_auth.sql("DELETE FROM users")
    await own_auth.sql("DELETE FROM outbox")

    await asyncio.gather(*(prepare(own_auth.settings) for _ in range(6)))

    assert len(await own_auth.sql("SELECT 1 FROM signing_keys")) == 1
    [staff] = await own_auth.sql("SELECT id FROM users WHERE is_staff AND is_active")
    assert [name for name, _ in await own_auth.events(staff.id)] == ["cinema.user.registered.v1"]


async def test_a_staff_account_that_is_there_keeps_its_password(own_auth: Auth) -> None:
    changed = own_auth.settings.model_copy(update={"staff_password": SecretStr("another, longer")})

    await prepare(changed)

    assert (await own_auth.log_in("staff", "another, longer")).status == 401
    assert await own_auth.staff_token()


async def test_another_secret_is_noticed(own_auth: Auth) -> None:
    other = SecretStr(Fernet.generate_key().decode())

    with pytest.raises(keyring.WrongSecretError, match="AUTH_KEYS_SECRET does not open"):
        await prepare(own_auth.settings.model_copy(update={"auth_keys_secret": other}))


@pytest.fixture
async def forge(auth: Auth) -> Any:
    """Tokens as auth makes them, but for what a test says; unsigned parts and a public key."""
    _, _, tokens = await auth.new_user()
    claims = jwt.decode(tokens["access"], options={"verify_signature": False})
    header = jwt.get_unverified_header(tokens["access"])
    [key] = (await auth.call("GET", "/.well-known/jwks.json")).body["keys"]
    secret = Fernet(auth.settings.auth_keys_secret.get_secret_value())
    [row] = await auth.sql("SELECT private_key FROM signing_keys")
    private = serialization.load_pem_private_key(secret.decrypt(row.private_key), None)
    return Forge(claims, header, key, private, tokens)


class Forge:
    def __init__(self, claims: Any, header: Any, jwk: Any, private: Any, tokens: Any) -> None:
        self.claims, self.header, self.jwk = claims, header, jwk
        self.private, self.tokens = private, tokens

    def signed(self, *, key: Any = None, header: Any = None, **claims: Any) -> str:
        return jwt.encode(
            {name: v for name, v in (self.claims | claims).items() if v is not None},
            key or self.private,
            "RS256",
            self.header | (header or {}),
        )

    def with_hmac(self, secret: bytes, **header: Any) -> str:
        """By hand: the library rightly refuses to use a public key so."""
        parts = [self.header | {"alg": "HS256"} | header, self.claims]
        text = b".".join(_base64(json.dumps(part).encode()) for part in parts)
        return (text + b"." + _base64(hmac.digest(secret, text, hashlib.sha256))).decode()

    def public(self, encoding: serialization.Encoding) -> bytes:
        public: bytes = self.private.public_key().public_bytes(
            encoding, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


async def test_forged_tokens_are_refused(auth: Auth, forge: Forge) -> None:
    now = int(time.time())
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    header, body, signature = forge.signed().split(".")
    none = _base64(json.dumps(forge.header | {"alg": "none"}).encode()).decode()
    flipped = ("A" if body[20] != "A" else "B").join((body[:20], body[21:]))
    forged = {
        "alg none": f"{none}.{body}.",
        "alg none, signed": f"{none}.{body}.{signature}",
        "no signature": f"{header}.{body}.",
        "HS256 with the PEM": forge.with_hmac(forge.public(serialization.Encoding.PEM)),
        "HS256 with the DER": forge.with_hmac(forge.public(serialization.Encoding.DER)),
        "HS256 with the JWK": forge.with_hmac(json.dumps(forge.jwk).encode()),
        "HS256 with nothing": forge.with_hmac(b"", kid="/dev/null"),
        "kid with a path": forge.signed(header={"kid": "../../../../dev/null"}),
        "kid with SQL": forge.signed(header={"kid": "' OR 1=1 --"}),
        "kid unknown": forge.signed(header={"kid": "0000"}),
        "jwk": forge.signed(
            key=stranger,
            header={"jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key()))},
        ),
        "jku": forge.signed(key=stranger, header={"jku": "http://127.0.0.1:1/jwks.json"}),
        "x5u": forge.signed(key=stranger, header={"x5u": "http://127.0.0.1:1/cert"}),
        "stranger's key": forge.signed(key=stranger),
        "expired": forge.signed(exp=now - 60),
        "no expiry": forge.signed(exp=None),
        "not yet valid": forge.signed(nbf=now + 60),
        "issued in the future": forge.signed(iat=now + 3600),
        "wrong aud": forge.signed(aud="another"),
        "no aud": forge.signed(aud=None),
        "wrong iss": forge.signed(iss="another"),
        "no family": forge.signed(sid=None),
        "sub no number": forge.signed(sub="1 OR 1=1"),
        "typ JWT": forge.signed(header={"typ": "JWT"}),
        "tampered": f"{header}.{flipped}.{signature}",
        "two of four parts": f"{header}.{body}",
        "refresh as access": forge.tokens["refresh"],
        "long": "a" * 5000,
        "empty": ".",
    }

    for name, token in forged.items():
        answer = await auth.call("GET", "/current_user", token=token)
        assert (name, answer.status, answer.code) == (name, 401, "invalid_token")
    assert (await auth.call("GET", "/current_user", token=forge.signed())).status == 200
