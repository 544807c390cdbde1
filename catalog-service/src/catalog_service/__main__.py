"""`python -m catalog_service api|worker|migrate|rebuild`."""

from pathlib import Path

from cinema_shared import migrations, serve
from cinema_shared.copies import command

from catalog_service.screenings.rebuild import TICKETS
from catalog_service.settings import RebuildSettings, Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def rebuild() -> None:
    settings = RebuildSettings()
    command.run(TICKETS, settings.catalog_database_url, settings.rabbitmq_url)


serve.dispatch(
    "catalog_service",
    {
        "api": lambda: serve.serve("catalog_service.api:create", Settings()),
        "worker": lambda: serve.serve("catalog_service.worker:create", Settings()),
        "migrate": lambda: migrations.upgrade(MIGRATIONS, Settings().catalog_database_url),
        "rebuild": rebuild,
    },
    with_options=("rebuild",),
)
