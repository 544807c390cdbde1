"""A private RabbitMQ server: its own node, port mapper, cookie, and one user."""

import secrets
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from places import Places, write_private
from probes import can_connect
from program import Program

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

# default_user takes the place of guest, which therefore never exists.
CONFIGURATION = """\
listeners.tcp.local = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
vm_memory_high_watermark.relative = 0.3
disk_free_limit.absolute = 200MB
raft.wal_max_size_bytes = 67108864
log.console = true
log.console.level = info
log.file = false
"""

# Schedulers that spin while they wait would cost a small machine a tenth of its CPU.
EMULATOR = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


def program(places: Places, address: str) -> Program:
    if not SCRIPT.exists():
        raise SystemExit(
            "No RabbitMQ is installed here. Install rabbitmq-server, or set RABBITMQ_URL."
        )
    home = _home(places)
    return Program(
        name="rabbitmq",
        command=[str(SCRIPT)],
        url=f"amqp://127.0.0.1:{urlsplit(address).port}",
        is_ready=partial(can_connect, address),
        directory=home,
        environment={
            "HOME": str(home),
            # Makes the script become the Erlang machine rather than its parent: the process that
            # supervisord watches, freezes and kills is then the server itself.
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(places.port("epmd")),
            "RABBITMQ_DIST_PORT": str(places.port("rabbitmq-distribution")),
            "RABBITMQ_NODENAME": "cinema@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": EMULATOR,
        },
    )


def prepare(places: Places, address: str) -> None:
    url = urlsplit(address)
    home = _home(places)
    home.mkdir(parents=True, exist_ok=True)
    write_private(
        home / "rabbitmq.conf",
        CONFIGURATION.format(port=url.port, user=url.username, password=url.password),
    )
    (home / "enabled_plugins").write_text("[].\n")
    cookie = home / ".erlang.cookie"
    if not cookie.exists():
        write_private(cookie, secrets.token_hex(20))
        cookie.chmod(0o400)


def _home(places: Places) -> Path:
    return places.run / "rabbitmq"
