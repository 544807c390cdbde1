"""Auth's settings, by process: none is given a secret that it has no use for."""

import os
from datetime import timedelta
from typing import Annotated, Literal, Self

from cinema_shared import settings
from cryptography.fernet import Fernet
from pydantic import AfterValidator, Field, SecretStr, model_validator

from auth_service import passwords

_HOW_TO_MAKE_ONE = (
    "it must be 32 random bytes in URL-safe base64; make one with "
    "`python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'`"
)
# Thirty-two random bytes have about thirty different values; 'aaaa…' and zeros have few.
_FEWEST_DIFFERENT_BYTES = 16


def _fernet_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    try:
        Fernet(key)
    except ValueError as error:
        raise ValueError(_HOW_TO_MAKE_ONE) from error
    if len(set(key)) < _FEWEST_DIFFERENT_BYTES:
        raise ValueError(_HOW_TO_MAKE_ONE)
    return value


class Settings(settings.Settings):
    auth_database_url: str = Field(min_length=1)
    database_pool_size: int = 10

    access_lifetime: timedelta = timedelta(minutes=15)
    refresh_lifetime: timedelta = timedelta(days=14)


class _WithKeys(Settings):
    auth_keys_secret: Annotated[SecretStr, AfterValidator(_fernet_key)]


class ApiSettings(_WithKeys):
    rate_limits: Literal["on", "off"] = "on"
    # One hash takes a core for some 30 ms: on two cores the last in the queue waits for 2 s.
    hash_threads: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1)
    hash_queue: int = Field(default=100, ge=0)


class WorkerSettings(Settings):
    rabbitmq_url: str = Field(min_length=1)


class MigrateSettings(_WithKeys):
    staff_username: str = Field(min_length=1)
    staff_password: SecretStr
    staff_email: str = "staff@cinema.invalid"

    @model_validator(mode="after")
    def _staff_password_is_strong(self) -> Self:
        password = self.staff_password.get_secret_value()
        weakness = passwords.weakness(password, self.staff_username, self.staff_email)
        if weakness:
            raise ValueError(f"STAFF_PASSWORD: {weakness}")
        return self
