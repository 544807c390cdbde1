"""Ticketing's settings."""

from datetime import timedelta

from cinema_shared import settings
from pydantic import Field


class Settings(settings.Settings):
    ticketing_database_url: str
    rabbitmq_url: str
    # redis://, rediss:// or redis+cluster://
    redis_url: str
    # Seals the names of holds. All replicas have the same.
    hold_secret: str = Field(min_length=32)
    auth_url: str = "http://127.0.0.1:8001"

    database_pool_size: int = 10
    # Selling ends, and what is booked must be paid, this long before the start.
    sales_end_before_start: timedelta = timedelta(hours=2)
    # A hold lasts this long, and after extensions never longer than that, from its making.
    hold_duration_s: float = Field(default=600, gt=0)
    hold_longest_s: float = Field(default=1200, gt=0)


class RebuildSettings(settings.Settings):
    """What an operator's command needs, and no more."""

    ticketing_database_url: str
    rabbitmq_url: str
