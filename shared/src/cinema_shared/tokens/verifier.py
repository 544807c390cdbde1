"""Verifies access tokens, and remembers those that it has verified."""

import hashlib
from typing import Final

import jwt

from cinema_shared.problems import ServiceUnavailable, Unauthorized
from cinema_shared.tokens.principal import Principal
from cinema_shared.tokens.trust import Trust

# Of the asymmetric ones the cheapest to verify, which is what every process does all day.
ALGORITHM: Final = "RS256"
# RFC 9068: what keeps a refresh token, or any other JWT of ours, from being used as this.
ACCESS_TOKEN_TYPE: Final = "at+jwt"
_LEEWAY_S: Final = 2
_LONGEST_TOKEN: Final = 4096
_REMEMBERED: Final = 20_000


class InvalidToken(Unauthorized):
    code = "invalid_token"
    detail = "The access token is not valid, or no longer."


class Verifier:
    """From the text of a token to its bearer."""

    def __init__(self, trust: Trust, *, issuer: str, audience: str) -> None:
        self._trust = trust
        self._issuer = issuer
        self._audience = audience
        # By the token's digest, so that a memory dump of ours holds no token.
        self._verified: dict[bytes, tuple[Principal, float]] = {}
        self._generation = trust.generation

    def verify(self, token: str) -> Principal:
        """Raise `InvalidToken`, or `ServiceUnavailable` before auth's keys were ever seen."""
        if len(token) > _LONGEST_TOKEN:
            raise InvalidToken
        if self._generation != self._trust.generation:
            self._verified.clear()
            self._generation = self._trust.generation
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._verified.get(digest)
        if known is not None and known[1] > self._trust.now():
            return known[0]
        principal, expires = self._decode(token)
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        self._verified[digest] = (principal, expires)
        return principal

    def _decode(self, token: str) -> tuple[Principal, float]:
        if not self._trust.ready:
            raise ServiceUnavailable("Tokens cannot be checked just now; try again shortly.")
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            key = self._trust.keys.get(kid) if isinstance(kid, str) else None
            if key is None:
                self._trust.want_keys()
                raise InvalidToken
            if header.get("typ") != ACCESS_TOKEN_TYPE:
                raise InvalidToken
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                options={
                    "require": ["exp", "iat", "nbf", "iss", "aud", "sub", "sid"],
                    # By the clock of this machine: we go by that of auth.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            begins = max(float(claims["nbf"]), float(claims["iat"])) - _LEEWAY_S
            expires = float(claims["exp"]) + _LEEWAY_S
            if not begins <= self._trust.now() < expires:
                raise InvalidToken
            principal = Principal(
                user_id=int(claims["sub"]),
                username=str(claims["username"]),
                is_staff=claims["is_staff"] is True,
                family=str(claims["sid"]),
            )
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InvalidToken from error
        return self._as_it_stands(principal), expires

    def _as_it_stands(self, principal: Principal) -> Principal:
        """The bearer as of now: a disabled one is out, a demoted one has lost the role."""
        if principal.family in self._trust.ended_families:
            raise InvalidToken
        standing = self._trust.users.get(principal.user_id)
        if standing is None:
            return principal
        if not standing.is_active:
            raise InvalidToken
        return Principal(
            principal.user_id,
            principal.username,
            principal.is_staff and standing.is_staff,
            principal.family,
        )
