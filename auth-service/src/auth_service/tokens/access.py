"""Access tokens: signed here, verified by every process for itself (cinema_shared/tokens)."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from time import time

import jwt
from cinema_shared.tokens import ACCESS_TOKEN_TYPE, ALGORITHM

from auth_service.tokens.families import Bearer
from auth_service.tokens.keyring import Keyring


@dataclass(frozen=True)
class Signer:
    keyring: Keyring
    issuer: str
    audience: str
    lifetime: timedelta

    def require_key(self) -> None:
        """Raise a 503 where nothing could be signed; before a refresh token is used up for it."""
        self.keyring.signing_key()

    def access_token(self, bearer: Bearer) -> str:
        key = self.keyring.signing_key()
        now = int(time())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(bearer.user_id),
            "sid": str(bearer.family),
            "jti": uuid.uuid4().hex,
            "username": bearer.username,
            "is_staff": bearer.is_staff,
            "iat": now,
            "nbf": now,
            "exp": now + int(self.lifetime.total_seconds()),
        }
        headers = {"kid": key.kid, "typ": ACCESS_TOKEN_TYPE}
        return jwt.encode(claims, key.private_key, ALGORITHM, headers)
