"""`python -m ticketing_service api|worker|migrate|rebuild`."""

from pathlib import Path

from cinema_shared import migrations, serve
from cinema_shared.copies import command

from ticketing_service.screenings.rebuild import SCREENINGS
from ticketing_service.settings import RebuildSettings, Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def rebuild() -> None:
    settings = RebuildSettings()
    command.run(SCREENINGS, settings.ticketing_database_url, settings.rabbitmq_url)


serve.dispatch(
    "ticketing_service",
    {
        "api": lambda: serve.serve("ticketing_service.api:create", Settings()),
        "worker": lambda: serve.serve("ticketing_service.worker:create", Settings()),
        "migrate": lambda: migrations.upgrade(MIGRATIONS, Settings().ticketing_database_url),
        "rebuild": rebuild,
    },
    with_options=("rebuild",),
)
