"""Who is told what: a process gets no secret that it has no use for."""

from collections.abc import Mapping

# By service, or by one process of a service. A setting that is not named is everybody's.
READERS: Mapping[str, tuple[str, ...]] = {
    "AUTH_DATABASE_URL": ("auth",),
    "CATALOG_DATABASE_URL": ("catalog", "operator"),
    "TICKETING_DATABASE_URL": ("ticketing", "operator"),
    "AUTH_KEYS_SECRET": ("auth-api", "auth-migrate"),
    "HOLD_SECRET": ("ticketing",),
    "STAFF_USERNAME": ("auth-migrate",),
    "STAFF_PASSWORD": ("auth-migrate",),
    "REDIS_URL": ("ticketing", "gateway"),
    "RABBITMQ_URL": ("auth-worker", "catalog", "ticketing", "operator"),
    "PRIVATE_SERVERS": (),
}


def settings(service: str, role: str, values: Mapping[str, str]) -> dict[str, str]:
    """What the process `role` (api, worker, migrate) of a service is told."""

    def is_told(name: str) -> bool:
        readers = READERS.get(name)
        return readers is None or service in readers or f"{service}-{role}" in readers

    return {name: value for name, value in values.items() if is_told(name)}
