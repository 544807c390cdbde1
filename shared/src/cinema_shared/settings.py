"""Settings of every process: from the environment, or one file a variable in /run/secrets."""

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    """The base of each service's settings. A variable's name is the field's, in capitals."""

    model_config = SettingsConfigDict(
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None, extra="ignore", frozen=True
    )

    cinema_env: Literal["development", "production"] = "development"
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    host: str = "127.0.0.1"
    port: int = 8000

    cinema_timezone: ZoneInfo = Field(default=ZoneInfo("UTC"))
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")

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
