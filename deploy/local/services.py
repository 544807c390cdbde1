"""The suite's own processes."""

import sys
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from places import Places
from probes import answers_ok
from program import Program
from readers import settings

MODULES = {
    "gateway": "gateway",
    "auth": "auth_service",
    "catalog": "catalog_service",
    "ticketing": "ticketing_service",
}


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
            environment={"LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"}
            | settings(service, role, values)
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
