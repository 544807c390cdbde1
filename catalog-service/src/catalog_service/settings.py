"""Catalog's settings."""

from datetime import time, timedelta
from typing import Self

from cinema_shared import settings
from pydantic import model_validator


class Settings(settings.Settings):
    catalog_database_url: str
    rabbitmq_url: str
    auth_url: str = "http://127.0.0.1:8001"

    database_pool_size: int = 10

    # By the clock of the cinema's own timezone.
    opening_time: time = time(8)
    closing_time: time = time(23)
    # After a film, until the hall is empty and clean. It counts as part of the opening hours.
    turnaround: timedelta = timedelta(minutes=25)

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.opening_time >= self.closing_time:
            raise ValueError("OPENING_TIME must be before CLOSING_TIME, on the same day")
        return self


class RebuildSettings(settings.Settings):
    """What an operator's command needs, and no more."""

    catalog_database_url: str
    rabbitmq_url: str
