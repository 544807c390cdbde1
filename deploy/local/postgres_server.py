"""A private PostgreSQL server: one account and one database a service."""

import os
import pwd
import shutil
import subprocess
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from places import ROOT, Places, write_private
from program import Program

ACCOUNT = "postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "jit": "off",  # statements here are short: compiling one costs more than running it
}

# Capabilities that let a plain account pass folders which only root may enter, the lesser first.
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITIES = {CAP_DAC_READ_SEARCH: "dac_read_search", CAP_DAC_OVERRIDE: "dac_override"}


def program(places: Places, address: str) -> Program:
    port = urlsplit(address).port
    settings = {**SETTINGS, "port": str(port)}
    data = _data(places)
    return Program(
        name="postgres",
        command=[
            *_as_plain_account(data),
            str(_binaries(data) / "postgres"),
            *("-D", str(data)),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ],
        url=f"postgresql://127.0.0.1:{port}",
        is_ready=partial(_is_ready, _binaries(data), str(port)),
        directory=data.parent,
        stop_signal="INT",  # fast: rolls back what runs; TERM would wait for every client
    )


def prepare(places: Places) -> None:
    data = _data(places)
    if (data / "PG_VERSION").exists():
        return
    # Made beside its place: an initdb that was interrupted leaves nothing that looks finished.
    new = data.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    password = data.with_name("password")
    write_private(password, places.password("postgres") + "\n")
    if os.geteuid() == 0:
        shutil.chown(new, ACCOUNT, ACCOUNT)
        shutil.chown(password, ACCOUNT, ACCOUNT)
    made = subprocess.run(
        [
            *_as_plain_account(new),
            str(_binaries(data) / "initdb"),
            *("-D", str(new), "-U", ACCOUNT, "--pwfile", str(password)),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    password.unlink()
    if made.returncode:
        raise SystemExit(f"initdb failed:\n{made.stdout}{made.stderr}")
    new.replace(data)


def make_database(places: Places, address: str) -> None:
    """Runs on every start: makes what is missing, and sets the password as .env has it."""
    url = urlsplit(address)
    done = subprocess.run(
        [
            str(_binaries(_data(places)) / "psql"),
            *("-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(ROOT / "deploy/database.sql")),
            *("-h", "127.0.0.1", "-p", str(url.port), "-U", ACCOUNT, "-d", "postgres"),
        ],
        env={
            "PGPASSWORD": places.password("postgres"),
            "PGCONNECT_TIMEOUT": "5",
            "DATABASE": url.path.lstrip("/"),
            "PASSWORD": url.password or "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"psql failed on deploy/database.sql:\n{done.stderr}")


def admin_url(places: Places, address: str) -> str:
    port = urlsplit(address).port
    return f"postgresql://{ACCOUNT}:{places.password('postgres')}@127.0.0.1:{port}/postgres"


def _is_ready(binaries: Path, port: str) -> bool:
    """It listens before it has recovered; only this tells the two apart."""
    command = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port]
    return subprocess.run(command, check=False).returncode == 0


def _data(places: Places) -> Path:
    return places.run / "postgres" / "data"


def _binaries(data: Path) -> Path:
    """Those of the data's own major version; of the newest that is here for new data."""
    version = data / "PG_VERSION"
    wanted = version.read_text().strip() if version.exists() else "*"
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"{wanted}/bin/postgres"),
        key=lambda file: int(file.parts[-3]),
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path and wanted == "*":
        return Path(on_path).resolve().parent
    raise SystemExit(
        f"No PostgreSQL{'' if wanted == '*' else ' ' + wanted} is installed here."
        " Install Debian's postgresql, or name a server in .env."
    )


def _as_plain_account(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root; its account may not be able to reach our folder."""
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam(ACCOUNT)
    command = [
        "/usr/bin/setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
    ]
    if all(parent.stat().st_mode & 0o001 for parent in folder.parents):
        return [*command, "--"]
    status = Path("/proc/self/status").read_text()
    held = int(status.partition("CapBnd:")[2].split()[0], 16)
    for bit, name in CAPABILITIES.items():
        if held >> bit & 1:
            return [*command, f"--inh-caps=+{name}", f"--ambient-caps=+{name}", "--"]
    raise SystemExit(f"The account {ACCOUNT} cannot enter {folder.parent}: move the work tree.")
