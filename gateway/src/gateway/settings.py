"""What the gateway is told by its environment."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from cinema_shared import settings
from pydantic import BeforeValidator
from pydantic_settings import NoDecode

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


class Address(NamedTuple):
    """Where an upstream listens; the host may be a name that stands for several replicas."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _addresses(value: object) -> object:
    """`http://ticketing-1:8000,http://ticketing-2:8000`."""
    listed = _listed(value)
    if not isinstance(listed, Sequence) or not listed:
        raise ValueError("at least one address such as http://127.0.0.1:8001 is needed")
    return tuple(map(_address, listed))


def _address(text: object) -> Address:
    parts = urlsplit(str(text))
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"{text!r} is no address such as http://127.0.0.1:8001")
    return Address(parts.hostname, parts.port or 80)


def _origins(value: object) -> object:
    """Exact origins. A wildcard, or `null`, would let in pages that nobody vouches for."""
    listed = _listed(value)
    if isinstance(listed, list | tuple | set | frozenset):
        for origin in listed:
            if not _ORIGIN.fullmatch(str(origin)):
                raise ValueError(f"{origin!r} is no origin such as https://tickets.example")
    return listed


Addresses = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_addresses)]
Origins = Annotated[frozenset[str], NoDecode, BeforeValidator(_origins)]


class Settings(settings.Settings):
    auth_url: Addresses
    catalog_url: Addresses
    ticketing_url: Addresses

    # Pages of these origins may call the API from a browser.
    cors_origins: Origins = frozenset()

    redis_url: str | None = None
    rabbitmq_url: str | None = None
    rate_limits: Literal["on", "off"] = "on"

    # How long a balancer has for noticing that we are about to go.
    drain_seconds: float = 1.0
