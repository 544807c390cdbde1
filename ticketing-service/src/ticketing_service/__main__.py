"""`python -m ticketing_service api|worker|migrate`."""

from pathlib import Path

from cinema_shared import migrations, serve

from ticketing_service.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"

serve.dispatch(
    "ticketing_service",
    {
        "api": lambda: serve.serve("ticketing_service.api:create", Settings()),
        "worker": lambda: serve.serve("ticketing_service.worker:create", Settings()),
        "migrate": lambda: migrations.upgrade(MIGRATIONS, Settings().ticketing_database_url),
    },
)
