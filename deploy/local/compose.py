"""Before the first container: .env, and one file a secret for each container that may know it.

docker-compose.yml runs it in a container of its own, so that `docker compose up` is all there is
to do on a fresh clone. The containers find their files in /run/secrets. Needs nothing but Python.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import environment
from places import Places, give_to_owner_of_folder, write_private
from readers import settings

# As deploy/Dockerfile has it.
ACCOUNT_OF_SERVICES = 10001

# Container: the process that runs in it.
SERVICES = {
    "gateway": ("gateway", "api"),
    "auth-service": ("auth", "api"),
    "auth-worker": ("auth", "worker"),
    "auth-migrate": ("auth", "migrate"),
    "catalog-service": ("catalog", "api"),
    "catalog-worker": ("catalog", "worker"),
    "catalog-migrate": ("catalog", "migrate"),
    "ticketing-service": ("ticketing", "api"),
    "ticketing-worker": ("ticketing", "worker"),
    "ticketing-migrate": ("ticketing", "migrate"),
    "cinema": ("operator", "command"),
}


def main() -> None:
    places = Places.named_by_environment()
    values = environment.ensure_settings(places)
    compose = Places(run=places.run / "compose", env_file=places.env_file)
    _make(places.run)
    _make(compose.run)
    passwords = {name: compose.password(name) for name in ("postgres", "redis", "rabbitmq")}
    databases = {name: compose.password(name) for name in environment.DATABASES.values()}

    addresses = {
        variable: f"postgresql://{name}:{databases[name]}@postgres:5432/{name}"
        for variable, name in environment.DATABASES.items()
    } | {
        "REDIS_URL": f"redis://:{passwords['redis']}@redis:6379/0",
        "RABBITMQ_URL": f"amqp://cinema:{passwords['rabbitmq']}@rabbitmq:5672",
    }
    # Those of the process suite, and of its servers, mean nothing inside a container.
    own = {name: v for name, v in values.items() if name not in ("GATEWAY_URL", "PRIVATE_SERVERS")}
    for container, (service, role) in SERVICES.items():
        files = settings(service, role, own | addresses)
        _write(compose.run / container, files, owner=ACCOUNT_OF_SERVICES)
    by_database = {f"PASSWORD_OF_{name.upper()}": word for name, word in databases.items()}
    _write(compose.run / "postgres", {"POSTGRES_PASSWORD": passwords["postgres"]} | by_database)
    _write(compose.run / "redis", {"REDIS_PASSWORD": passwords["redis"]})
    _write(compose.run / "rabbitmq", {"RABBITMQ_DEFAULT_PASS": passwords["rabbitmq"]})
    print("settings and secrets are in place")


def _write(folder: Path, files: Mapping[str, str], owner: int | None = None) -> None:
    """Leaves the folder itself in place: running containers have it mounted."""
    _make(folder)
    for gone in {file.name for file in folder.iterdir()} - files.keys():
        (folder / gone).unlink()
    for name, value in files.items():
        write_private(folder / name, value)
        if owner is not None and os.geteuid() == 0:
            os.chown(folder / name, owner, owner)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    give_to_owner_of_folder(folder)


if __name__ == "__main__":
    main()
