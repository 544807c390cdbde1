"""Ticketing's settings."""

from datetime import timedelta

from cinema_shared import settings


class Settings(settings.Settings):
    ticketing_database_url: str
    rabbitmq_url: str
    auth_url: str = "http://127.0.0.1:8001"

    database_pool_size: int = 10
    # Selling ends, and what is booked must be paid, this long before the start.
    sales_end_before_start: timedelta = timedelta(hours=2)
