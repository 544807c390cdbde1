"""Settings of every process: from the environment, or one file a variable in /run/secrets."""

from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRETS = Path("/run/secrets")
# What examples, images and tutorials use.
_WELL_KNOWN: Final = {
    "",
    "admin",
    "changeme",
    "guest",
    "password",
    "postgres",
    "rabbitmq",
    "secret",
}


class Settings(BaseSettings):
    """The base of each service's settings. A variable's name is the field's, in capitals."""

    model_config = SettingsConfigDict(
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
        extra="ignore",
        frozen=True,
        # A mistake in a secret is no reason to print it.
        hide_input_in_errors=True,
    )

    cinema_env: Literal["development", "production"] = "development"
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    host: str = "127.0.0.1"
    port: int = 8000

    cinema_timezone: ZoneInfo = Field(default=ZoneInfo("UTC"))
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")

    # How long the stream of all events keeps them: a number, and Y, M, D, h, m or s. Whoever
    # declares the stream looks here (`messaging/topology.py`).
    event_log_max_age: str = Field(default="7D", pattern="^[1-9][0-9]{0,5}[YMDhms]$")

    token_issuer: str = "cinema-auth"
    token_audience: str = "cinema"

    @field_validator("cinema_timezone", mode="before")
    @classmethod
    def _named_zone(cls, value: object) -> object:
        try:
            return ZoneInfo(value) if isinstance(value, str) else value
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            message = f"{value!r} is no timezone of the IANA database, such as Europe/Vienna"
            raise ValueError(message) from error

    @model_validator(mode="after")
    def _no_well_known_passwords(self) -> Self:
        if self.cinema_env == "development":
            return self
        for name in type(self).model_fields:
            url = getattr(self, name)
            if not name.endswith("_url") or not isinstance(url, str):
                continue
            parts = urlsplit(url)
            # An AMQP address without an account means guest.
            implied = "guest" if parts.scheme.startswith("amqp") else None
            if (implied if parts.password is None else parts.password) in _WELL_KNOWN:
                raise ValueError(
                    f"{name.upper()} has an empty or well-known password, such as guest; "
                    "outside development each account needs one of its own"
                )
        return self
