"""Writes .env: keeps every value that is there and adds what is missing, secrets at random.

Needs nothing but Python itself, since it runs before anything is installed.

    python3 deploy/local/environment.py            write the file, print the private servers' names
    python3 deploy/local/environment.py --forget   take the private servers' addresses out again
"""

import argparse
import base64
import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from places import Places, free_port, give_to_owner_of_folder, is_free, write_private

DATABASES = {
    "AUTH_DATABASE_URL": "auth",
    "CATALOG_DATABASE_URL": "catalog",
    "TICKETING_DATABASE_URL": "ticketing",
}
SERVERS = dict.fromkeys(DATABASES, "postgres") | {"REDIS_URL": "redis", "RABBITMQ_URL": "rabbitmq"}

ABOUT = {
    "CINEMA_ENV": "Anything but development refuses default and empty secrets.",
    "CINEMA_TIMEZONE": "The cinema's own timezone, in which it opens and closes.",
    "RATE_LIMITS": "off lifts the rate limits, for load tests.",
    "STAFF_USERNAME": "The first staff account.",
    "AUTH_KEYS_SECRET": "Encrypts the keys that sign access tokens.",
    "HOLD_SECRET": "Seals the names of holds.",
    "GATEWAY_URL": "Where the suite answers.",
    "AUTH_DATABASE_URL": "Servers. Name your own instead, and no private one is started.",
    "PRIVATE_SERVERS": "Fingerprints of the addresses that make up made itself.",
}


def read(file: Path) -> dict[str, str]:
    values = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            values[name.strip()] = _unquoted(value.strip())
    return values


def private(values: Mapping[str, str]) -> set[str]:
    """The variables whose servers are this suite's own: their addresses are as we made them."""
    prints = dict(
        entry.split(":") for entry in values.get("PRIVATE_SERVERS", "").split(",") if ":" in entry
    )
    return {name for name in SERVERS if prints.get(name) == _fingerprint(values.get(name, ""))}


def private_servers(values: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(SERVERS[name] for name in SERVERS if name in private(values)))


def settings(known: Mapping[str, str]) -> dict[str, str]:
    """What any suite needs, private servers or not."""
    defaults = {
        "CINEMA_ENV": "development",
        "CINEMA_TIMEZONE": "UTC",
        "CURRENCY": "EUR",
        "RATE_LIMITS": "on",
        "STAFF_USERNAME": "staff",
        "STAFF_PASSWORD": secrets.token_urlsafe(18),
        "AUTH_KEYS_SECRET": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "HOLD_SECRET": secrets.token_urlsafe(32),
    }
    if "GATEWAY_URL" not in known:
        port = 8000 if is_free(8000) else free_port()
        defaults["GATEWAY_URL"] = f"http://127.0.0.1:{port}"
    return _missing(defaults, known)


def addresses(known: Mapping[str, str]) -> dict[str, str]:
    """A private server for each that has no address yet."""
    ours = private(known)
    postgres = next((urlsplit(known[name]).port for name in DATABASES if name in ours), None)
    postgres = postgres or free_port()
    made = {
        name: f"postgresql://{database}:{secrets.token_urlsafe(24)}@127.0.0.1:{postgres}/{database}"
        for name, database in DATABASES.items()
    }
    made["REDIS_URL"] = f"redis://:{secrets.token_urlsafe(24)}@127.0.0.1:{free_port()}/0"
    made["RABBITMQ_URL"] = f"amqp://cinema:{secrets.token_urlsafe(24)}@127.0.0.1:{free_port()}"
    made = _missing(made, known)
    all_ours = {name: known[name] for name in ours} | made
    prints = ",".join(f"{name}:{_fingerprint(all_ours[name])}" for name in sorted(all_ours))
    return made | ({"PRIVATE_SERVERS": prints} if prints else {})


def write(file: Path, new: Mapping[str, str]) -> None:
    """Changes the file's own lines where a name is there, and appends the others."""
    new = {name: value for name, value in new.items() if read(file).get(name) != value}
    if not new:
        return
    lines = file.read_text().splitlines() if file.exists() else ["# Not for git: it has secrets."]
    for name, value in new.items():
        at = next((n for n, line in enumerate(lines) if line.startswith(f"{name}=")), None)
        if at is not None:
            lines[at] = f"{name}={value}"
            continue
        if name in ABOUT and f"# {ABOUT[name]}" not in lines:
            lines += ["", f"# {ABOUT[name]}"]
        lines.append(f"{name}={value}")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_private(file, "\n".join(lines) + "\n")
    give_to_owner_of_folder(file)


def ensure(places: Places) -> dict[str, str]:
    known = ensure_settings(places)
    known |= addresses(known)
    write(places.env_file, known)
    return known


def ensure_settings(places: Places) -> dict[str, str]:
    known = read(places.env_file)
    known |= settings(known)
    write(places.env_file, known)
    return known


def forget(places: Places) -> None:
    """For when the private servers' data goes: the next start makes new ones."""
    gone = (*private(read(places.env_file)), "PRIVATE_SERVERS")
    if places.env_file.exists():
        lines = places.env_file.read_text().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in gone]
        write_private(places.env_file, "\n".join(kept).rstrip() + "\n")
        give_to_owner_of_folder(places.env_file)


def _missing(defaults: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in defaults.items() if not known.get(name)}


def _fingerprint(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--forget", action="store_true", help="take the private addresses out")
    places = Places.named_by_environment()
    if parser.parse_args().forget:
        forget(places)
    else:
        print(*private_servers(ensure(places)))


if __name__ == "__main__":
    main()
