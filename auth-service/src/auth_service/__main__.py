"""`python -m auth_service api|worker|migrate`."""

from cinema_shared import serve

from auth_service.migrate import migrate
from auth_service.settings import ApiSettings, MigrateSettings, WorkerSettings

serve.dispatch(
    "auth_service",
    {
        "api": lambda: serve.serve("auth_service.api:create", ApiSettings()),
        "worker": lambda: serve.serve("auth_service.worker:create", WorkerSettings()),
        "migrate": lambda: migrate(MigrateSettings()),
    },
)
