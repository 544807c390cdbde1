"""The suite's own processes, and what each of them may know."""

import sys
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from places import Places
from probes import answers_ok
from program import Program

MODULES = {
    "gateway": "gateway",
    "auth": "auth_service",
    "catalog": "catalog_service",
    "ticketing": "ticketing_service",
}

# Who gets to know what. A setting that is not named here is no secret, and everybody's.
READERS: Mapping[str, set[str]] = {
    "AUTH_DATABASE_URL": {"auth"},
    "CATALOG_DATABASE_URL": {"catalog"},
    "TICKETING_DATABASE_URL": {"ticketing"},
    "AUTH_KEYS_SECRET": {"auth"},
    "STAFF_USERNAME": {"auth"},
    "STAFF_PASSWORD": {"auth"},
    "REDIS_URL": {"ticketing", "gateway"},
    "RABBITMQ_URL": {"auth", "catalog", "ticketing"},
    "PRIVATE_SERVERS": set(),
}


def settings(service: str, values: Mapping[str, str]) -> dict[str, str]:
    known = {name: v for name, v in values.items() if service in READERS.get(name, MODULES)}
    return {"LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"} | known


def programs(places: Places, values: Mapping[str, str], replicas: int) -> list[Program]:
    def address(name: str) -> str:
        return f"http://127.0.0.1:{places.port(name)}"

    def process(name: str, service: str, role: str, url: str, **more: str) -> Program:
        listen = urlsplit(url)
        return Program(
            name=name,
            command=[sys.executable, "-m", MODULES[service], role],
            url=url,
            is_ready=partial(answers_ok, f"{url}/readyz"),
            environment=settings(service, values)
            | {"HOST": listen.hostname or "127.0.0.1", "PORT": str(listen.port or 80)}
            | {"AUTH_URL": address("auth-api"), "CATALOG_URL": address("catalog-api")}
            | more,
        )

    def internal(name: str, service: str, role: str) -> Program:
        return process(name, service, role, address(name))

    numbers = range(1, replicas + 1)
    ticketing = [internal(f"ticketing-api-{n}", "ticketing", "api") for n in numbers]
    gateway = process(
        "gateway",
        "gateway",
        "api",
        url=values["GATEWAY_URL"].rstrip("/"),
        TICKETING_URL=",".join(replica.url for replica in ticketing),
    )
    return [
        internal("auth-api", "auth", "api"),
        internal("auth-worker", "auth", "worker"),
        internal("catalog-api", "catalog", "api"),
        internal("catalog-worker", "catalog", "worker"),
        *ticketing,
        *(internal(f"ticketing-worker-{n}", "ticketing", "worker") for n in numbers),
        gateway,
    ]
