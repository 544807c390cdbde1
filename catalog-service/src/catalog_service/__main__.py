"""`python -m catalog_service api|worker|migrate`."""

from pathlib import Path

from cinema_shared import migrations, serve

from catalog_service.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"

serve.dispatch(
    "catalog_service",
    {
        "api": lambda: serve.serve("catalog_service.api:create", Settings()),
        "worker": lambda: serve.serve("catalog_service.worker:create", Settings()),
        "migrate": lambda: migrations.upgrade(MIGRATIONS, Settings().catalog_database_url),
    },
)
