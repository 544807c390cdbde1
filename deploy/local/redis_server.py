"""A private Redis server."""

import shutil
from functools import partial
from urllib.parse import urlsplit

from places import Places, write_private
from probes import can_connect
from program import Program

# Holds last minutes and the database decides who owns a seat: a snapshot now and then is enough.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {data}
save 60 1
appendonly no
maxmemory-policy noeviction
"""


def program(places: Places, address: str) -> Program:
    port = urlsplit(address).port
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        raise SystemExit("No Redis is installed here. Install redis-server, or set REDIS_URL.")
    return Program(
        name="redis",
        command=[server, str(places.run / "redis" / "redis.conf")],
        url=f"redis://127.0.0.1:{port}",
        is_ready=partial(can_connect, address),
    )


def prepare(places: Places, address: str) -> None:
    url = urlsplit(address)
    data = places.run / "redis"
    data.mkdir(parents=True, exist_ok=True)
    text = CONFIGURATION.format(port=url.port, password=url.password, data=f'"{data}"')
    write_private(data / "redis.conf", text)
