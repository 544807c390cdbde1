"""The keys that sign access tokens: kept encrypted in the database, read again all the time.

So a key that is added or retired there is in use in every process soon, without a restart.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import jwt
from cinema_shared.database import Database
from cinema_shared.problems import ServiceUnavailable
from cinema_shared.tokens import ALGORITHM
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from pydantic import SecretStr
from sqlalchemy import Row, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.tokens.tables import signing_keys

READ_EVERY_S: Final = 5.0
_BITS: Final = 2048
_LOCK: Final = 7_461_102
_NOT_RETIRED: Final = or_(
    signing_keys.c.retired_at.is_(None), signing_keys.c.retired_at > func.now()
)


class WrongSecretError(Exception):
    """`AUTH_KEYS_SECRET` is not the one that the keys were stored with."""

    def __init__(self, kid: str) -> None:
        super().__init__(f"AUTH_KEYS_SECRET does not open the signing key {kid} in the database")


@dataclass(frozen=True)
class SigningKey:
    kid: str
    private_key: RSAPrivateKey


class Keyring:
    """What this process signs with, and what it publishes."""

    def __init__(self, database: Database, secret: SecretStr) -> None:
        self._database = database
        self._fernet = Fernet(secret.get_secret_value())
        self._signing: SigningKey | None = None
        self.public: list[dict[str, Any]] = []

    async def read(self) -> None:
        """Take over the keys as they are in the database now."""
        async with self._database.transaction() as transaction:
            rows = (
                await transaction.execute(
                    select(signing_keys, (signing_keys.c.active_from <= func.now()).label("active"))
                    .where(_NOT_RETIRED)
                    .order_by(signing_keys.c.active_from.desc(), signing_keys.c.kid)
                )
            ).all()
        newest = next((row for row in rows if row.active), None)
        if newest is None:
            self._signing = None
        elif self._signing is None or self._signing.kid != newest.kid:
            self._signing = self._open(newest)
        self.public = [row.public_jwk for row in rows]

    def _open(self, row: Row[Any]) -> SigningKey:
        try:
            pem = self._fernet.decrypt(row.private_key)
        except InvalidToken:
            raise WrongSecretError(row.kid) from None
        private_key = serialization.load_pem_private_key(pem, None)
        assert isinstance(private_key, RSAPrivateKey)  # noqa: S101
        return SigningKey(row.kid, private_key)

    def signing_key(self) -> SigningKey:
        if self._signing is None:
            raise ServiceUnavailable("Tokens cannot be issued just now; try again shortly.")
        return self._signing

    async def check(self) -> None:
        """For readiness."""
        self.signing_key()


async def ensure_key(transaction: AsyncConnection, secret: SecretStr) -> None:
    """Make the first key where there is none; safe when two do so at once."""
    await transaction.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    any_key = select(signing_keys.c.kid).where(_NOT_RETIRED).exists()
    if not await transaction.scalar(select(any_key)):
        await add_key(transaction, secret)


async def add_key(
    transaction: AsyncConnection, secret: SecretStr, active_in: timedelta = timedelta(0)
) -> str:
    """Store a new key that signs after `active_in`; its `kid`."""
    kid = secrets.token_hex(8)
    private_key = generate_private_key(public_exponent=65537, key_size=_BITS)
    pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private_key.public_key()))
    # A JWK of this library's making also names what it may be used for; verifying is all.
    public = {"kty": public["kty"], "n": public["n"], "e": public["e"]}
    await transaction.execute(
        insert(signing_keys).values(
            kid=kid,
            private_key=Fernet(secret.get_secret_value()).encrypt(pem),
            public_jwk={**public, "kid": kid, "use": "sig", "alg": ALGORITHM},
            active_from=func.now() + active_in,
        )
    )
    return kid
