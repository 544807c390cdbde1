"""An issuer of access tokens for tests: signs as auth does, and is where trust comes from."""

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import jwt
from cinema_shared.tokens import ACCESS_TOKEN_TYPE, ALGORITHM, Revocations
from cinema_shared.tokens.trust import UserStanding
from cryptography.hazmat.primitives.asymmetric import rsa


class Issuer:
    """A `TrustSource` with a key of its own."""

    def __init__(self, *, issuer: str = "cinema-auth", audience: str = "cinema") -> None:
        self.kid = uuid.uuid4().hex
        self.private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.issuer = issuer
        self.audience = audience
        self.ended_families: list[str] = []
        self.users: list[UserStanding] = []
        # Instead of this machine's.
        self.clock: datetime | None = None

    def token(
        self,
        user_id: int,
        *,
        is_staff: bool = False,
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A valid access token, but for the claims and headers given."""
        now = int(time.time())
        return jwt.encode(
            {
                "iss": self.issuer,
                "aud": self.audience,
                "sub": str(user_id),
                "sid": uuid.uuid4().hex,
                "jti": uuid.uuid4().hex,
                "username": f"user{user_id}",
                "is_staff": is_staff,
                "iat": now,
                "nbf": now,
                "exp": now + 900,
                **claims,
            },
            self.private_key,
            ALGORITHM,
            {"kid": self.kid, "typ": ACCESS_TOKEN_TYPE, **(headers or {})},
        )

    def bearer(self, user_id: int, *, is_staff: bool = False) -> dict[str, str]:
        """The header to send."""
        return {"Authorization": f"Bearer {self.token(user_id, is_staff=is_staff)}"}

    async def keys(self) -> list[dict[str, Any]]:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private_key.public_key()))
        return [{**key, "kid": self.kid, "use": "sig", "alg": ALGORITHM}]

    async def revocations(self, since: datetime | None) -> Revocations:
        return Revocations(
            as_of=datetime.now(UTC),
            ended_families=self.ended_families,
            users=self.users,
            clock=self.clock or datetime.now(UTC),
        )

    async def close(self) -> None: ...
