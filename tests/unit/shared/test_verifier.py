"""Access tokens: each way to forge one is refused, and revocation is believed at once."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cinema_shared.problems import ServiceUnavailable, Unauthorized
from cinema_shared.tokens import Trust, Verifier
from cinema_shared.tokens.trust import UserStanding
from cryptography.hazmat.primitives import serialization

from tests.support.tokens import Issuer

ISSUER = Issuer()


@pytest.fixture
async def trust() -> Trust:
    trust = Trust(ISSUER)
    await trust.refresh_keys()
    return trust


@pytest.fixture
def verifier(trust: Trust) -> Verifier:
    return Verifier(trust, issuer="cinema-auth", audience="cinema")


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned() -> str:
    header = {"alg": "none", "typ": "at+jwt", "kid": ISSUER.kid}
    payload = ISSUER.token(1).split(".")[1]
    return f"{encoded(header)}.{payload}."


def signed_with_the_public_key(form: str) -> str:
    """HS256 with what everybody knows as the secret."""
    public = ISSUER.private_key.public_key()
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    secret = {
        "pem": public.public_bytes(serialization.Encoding.PEM, kind),
        "der": public.public_bytes(serialization.Encoding.DER, kind),
        "jwk": jwt.algorithms.RSAAlgorithm.to_jwk(public).encode(),
    }[form]
    head = encoded({"alg": "HS256", "typ": "at+jwt", "kid": ISSUER.kid})
    message = f"{head}.{ISSUER.token(1).split('.')[1]}"
    mac = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    return f"{message}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


NOW = int(time.time())
FORGERIES = {
    "none": unsigned(),
    "HS256 with the PEM": signed_with_the_public_key("pem"),
    "HS256 with the DER": signed_with_the_public_key("der"),
    "HS256 with the JWK": signed_with_the_public_key("jwk"),
    "kid is a path": ISSUER.token(1, headers={"kid": "../../etc/passwd"}),
    "kid is SQL": ISSUER.token(1, headers={"kid": "' OR 1=1 --"}),
    "expired": ISSUER.token(1, exp=NOW - 10),
    "not yet valid": ISSUER.token(1, nbf=NOW + 86_400),
    "wrong audience": ISSUER.token(1, aud="other"),
    "wrong issuer": ISSUER.token(1, iss="other"),
    "another type": ISSUER.token(1, headers={"typ": "JWT"}),
    "another's key": Issuer().token(1),
    "no expiry": ISSUER.token(1, exp=None),
    "subject is no number": ISSUER.token(1, sub="root"),
    "tampered": ISSUER.token(1)[:-4] + "AAAA",
    "1 MB": "x" * 1_000_000,
    "rubbish": "rubbish",
    "empty": "",
    "surrogates": "\udcff.\udcff.\udcff",
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_is_refused(verifier: Verifier, token: str) -> None:
    with pytest.raises(Unauthorized):
        verifier.verify(token)


@pytest.mark.parametrize("header", ["jku", "x5u", "jwk"])
def test_a_header_that_names_another_key_is_not_followed(verifier: Verifier, header: str) -> None:
    theirs = Issuer()
    token = theirs.token(1, headers={header: "http://127.0.0.1/keys", "kid": theirs.kid})
    with pytest.raises(Unauthorized):
        verifier.verify(token)


def test_a_good_token_names_its_bearer(verifier: Verifier) -> None:
    token = ISSUER.token(42, is_staff=True, username="anna", sid="f")
    for _ in range(2):  # verified, then remembered
        principal = verifier.verify(token)
        assert (principal.user_id, principal.username) == (42, "anna")
        assert (principal.is_staff, principal.family) == (True, "f")


def test_a_remembered_token_ends_when_it_expires(
    trust: Trust, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = ISSUER.token(1, exp=NOW + 3600)
    verifier.verify(token)
    monkeypatch.setattr(trust, "now", lambda: time.time() + 7200)
    with pytest.raises(Unauthorized):
        verifier.verify(token)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_tokens_are_judged_by_the_clock_that_stamped_them(
    trust: Trust, verifier: Verifier, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """Auth's is an hour from ours."""
    theirs = datetime.now(UTC) + timedelta(hours=hours)
    ISSUER.clock = theirs
    await trust._refresh()
    ISSUER.clock = None
    now = int(theirs.timestamp())
    verifier.verify(ISSUER.token(1, iat=now, nbf=now, exp=now + 900))
    for begins, ends in ((now + 60, now + 900), (now - 900, now - 60)):
        with pytest.raises(Unauthorized):
            verifier.verify(ISSUER.token(1, iat=now, nbf=begins, exp=ends))


async def test_what_is_revoked_is_out_and_who_is_demoted_is_no_staff(
    trust: Trust, verifier: Verifier
) -> None:
    ended = ISSUER.token(1, sid="ended")
    disabled, demoted = ISSUER.token(2), ISSUER.token(3, is_staff=True)
    for token in (ended, disabled, demoted):
        verifier.verify(token)
    ISSUER.ended_families = ["ended"]
    ISSUER.users = [
        UserStanding(id=2, is_staff=False, is_active=False),
        UserStanding(id=3, is_staff=False, is_active=True),
    ]
    await trust._refresh()
    for token in (ended, disabled):
        with pytest.raises(Unauthorized):
            verifier.verify(token)
    assert verifier.verify(demoted).is_staff is False
    ISSUER.ended_families, ISSUER.users = [], []


def test_before_any_key_is_known_nobody_is_judged() -> None:
    verifier = Verifier(Trust(ISSUER), issuer="cinema-auth", audience="cinema")
    with pytest.raises(ServiceUnavailable):
        verifier.verify(ISSUER.token(1))
