"""Real servers for the tests: named by the environment, else containers, else private processes.

TEST_POSTGRES_URL (of a superuser), TEST_REDIS_URL and TEST_RABBITMQ_URL name them. A server that
cannot be had is a failure: no test is skipped for it.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 60


@dataclass(frozen=True)
class Server:
    variable: str
    image: str
    port: int
    url: str
    environment: Mapping[str, str]
    command: str | None
    # A request, and the first byte of the answer of a server that has come up. A connection
    # alone says nothing: the engine's own proxy accepts it before the server listens.
    hello: bytes
    welcome: bytes


POSTGRES = Server(
    variable="TEST_POSTGRES_URL",
    image="postgres:17",
    port=5432,
    url="postgresql://postgres:{password}@{address}/postgres",
    environment={
        "POSTGRES_PASSWORD": "{password}",
        "POSTGRES_INITDB_ARGS": "--encoding=UTF8 --locale=C.UTF-8",
    },
    command="postgres -c fsync=off -c max_connections=300",  # no test survives a power failure
    hello=b"\x00\x00\x00\x08\x04\xd2\x16\x2f",  # may I have TLS?
    welcome=b"N",
)
REDIS = Server(
    variable="TEST_REDIS_URL",
    image="redis:8",
    port=6379,
    url="redis://:{password}@{address}/0",
    environment={},
    command="redis-server --requirepass {password}",
    hello=b"PING\r\n",
    welcome=b"-",  # who are you?
)
RABBITMQ = Server(
    variable="TEST_RABBITMQ_URL",
    image="rabbitmq:4-management",
    port=5672,
    url="amqp://cinema:{password}@{address}",
    environment={"RABBITMQ_DEFAULT_USER": "cinema", "RABBITMQ_DEFAULT_PASS": "{password}"},
    command=None,
    hello=b"AMQP\x00\x00\x09\x01",
    welcome=b"\x01",
)


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a superuser, so that a test can make databases and accounts."""
    yield from _url(POSTGRES, request)


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from _url(REDIS, request)


@pytest.fixture(scope="session")
def rabbitmq_url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from _url(RABBITMQ, request)


@pytest.fixture(scope="session")
def _private_servers() -> Iterator[dict[str, str]]:
    with private_servers() as servers:
        yield servers


@contextmanager
def private_servers() -> Iterator[dict[str, str]]:
    """All three at once, by the variables that name them, in a folder that goes with them."""
    with tempfile.TemporaryDirectory(prefix="cinema-tests-") as folder:
        places = {"CINEMA_RUN_DIR": f"{folder}/run", "CINEMA_ENV_FILE": f"{folder}/env"}
        try:
            started = _suite("servers", places)
            yield dict(line.split("=", 1) for line in started.splitlines())
        finally:
            _suite("down", places)


def _url(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    named = os.environ.get(server.variable)
    if named:
        _tell(request, server, f"named by {server.variable}")
        yield named
    elif _engine_has(server.image):
        _tell(request, server, f"a container of {server.image}")
        with _container(server) as url:
            yield url
    else:
        _tell(request, server, "a private process")
        yield request.getfixturevalue("_private_servers")[server.variable]


def _tell(request: pytest.FixtureRequest, server: Server, what: str) -> None:
    plugins = request.config.pluginmanager
    capture, reporter = plugins.getplugin("capturemanager"), plugins.getplugin("terminalreporter")
    if capture and reporter:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\n{server.image.partition(':')[0]}: {what}")


def _suite(command: str, places: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy/local/suite.py"), command],
        env=os.environ | places,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"suite.py {command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def _engine_has(image: str) -> bool:
    """A container engine answers, and the image is there or can be pulled."""
    return any(
        subprocess.run(["docker", *command, image], capture_output=True, check=False).returncode
        == 0
        for command in (("image", "inspect"), ("pull", "--quiet"))
        if shutil.which("docker")
    )


@contextmanager
def _container(server: Server) -> Iterator[str]:
    # The library's own cleaner is one more image, which may not be there to pull.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - reads the above

    password = secrets.token_urlsafe(16)
    container = DockerContainer(server.image)
    # Any free port, of the loopback alone: with_bind_ports() can say only one of the two.
    container.ports[str(server.port)] = ("127.0.0.1", None)  # type: ignore[assignment]
    for name, value in server.environment.items():
        container.with_env(name, value.format(password=password))
    if server.command:
        container.with_command(server.command.format(password=password))
    with container:
        address = f"127.0.0.1:{container.get_exposed_port(server.port)}"
        url = server.url.format(password=password, address=address)
        _await_welcome(server, url)
        yield url


def _await_welcome(server: Server, url: str) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not _is_welcome(server, url):
        assert time.monotonic() < deadline, f"{server.image} did not start"
        time.sleep(0.1)


def _is_welcome(server: Server, url: str) -> bool:
    where = urlsplit(url)
    try:
        with socket.create_connection((where.hostname or "", where.port or 0), timeout=2) as peer:
            peer.sendall(server.hello)
            return peer.recv(1) == server.welcome
    except OSError:
        return False
