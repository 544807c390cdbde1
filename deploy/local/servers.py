"""The private servers: those whose addresses in .env are ours."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import environment
import postgres_server
import rabbitmq_server
import redis_server
from places import Places
from probes import can_connect
from program import Program

NAMES = ("postgres", "redis", "rabbitmq")


def prepared(places: Places, values: Mapping[str, str]) -> list[Program]:
    private = environment.private(values)
    programs = []
    for name in environment.DATABASES:
        if name in private:
            postgres_server.prepare(places)
            programs.append(postgres_server.program(places, values[name]))
            break
    if "REDIS_URL" in private:
        redis_server.prepare(places, values["REDIS_URL"])
        programs.append(redis_server.program(places, values["REDIS_URL"]))
    if "RABBITMQ_URL" in private:
        rabbitmq_server.prepare(places, values["RABBITMQ_URL"])
        programs.append(rabbitmq_server.program(places, values["RABBITMQ_URL"]))
    return programs


def make_databases(places: Places, values: Mapping[str, str]) -> None:
    private = environment.private(values)
    for name in environment.DATABASES:
        if name in private:
            postgres_server.make_database(places, values[name])


def check_others(places: Places, values: Mapping[str, str]) -> None:
    for name in sorted(environment.SERVERS.keys() - environment.private(values)):
        if not can_connect(values[name]):
            url = urlsplit(values[name])
            raise SystemExit(
                f"{name} in {places.env_file} names {url.hostname}:{url.port}, and nothing answers"
                " there. Start that server, or delete the line: then a private one is made."
            )


def test_urls(places: Places, values: Mapping[str, str]) -> dict[str, str]:
    """As the tests name them: PostgreSQL's is its superuser's."""
    database = next(iter(environment.DATABASES))
    return {
        "TEST_POSTGRES_URL": postgres_server.admin_url(places, values[database]),
        "TEST_REDIS_URL": values["REDIS_URL"],
        "TEST_RABBITMQ_URL": values["RABBITMQ_URL"],
    }
