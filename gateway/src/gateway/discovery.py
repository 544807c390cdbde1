"""Finds replicas, and asks each whether it is ready: in the background, all the time."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from typing import Final, NoReturn

import structlog

from gateway.client import Client
from gateway.connection import Unreachable
from gateway.settings import Address
from gateway.upstreams import Replica, Upstream

log = structlog.get_logger(__name__)

_RESOLVE_EVERY_S: Final = 2.0
_RESOLVE_WITHIN_S: Final = 1.0
_PROBE_EVERY_S: Final = 1.0
_PROBE_WITHIN_S: Final = 1.0


async def resolve(address: Address) -> list[Address]:
    """The addresses that a name stands for now."""
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        pass
    else:
        return [address]
    async with asyncio.timeout(_RESOLVE_WITHIN_S):
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )
    # A host with both kinds would be two replicas of one process.
    inet4 = [entry for entry in found if entry[0] == socket.AF_INET]
    return list(dict.fromkeys(Address(str(entry[4][0]), address.port) for entry in inet4 or found))


class Discovery:
    """Keeps every upstream's replicas, and their readiness, as they are."""

    def __init__(self, client: Client, upstreams: Iterable[Upstream]) -> None:
        self._client = client
        self._upstreams = list(upstreams)
        self._found: dict[Address, list[Address]] = {}

    async def look(self) -> None:
        """Once, now: for the start."""
        await self._resolve()
        await self._probe()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_every(_RESOLVE_EVERY_S, self._resolve))
            tasks.create_task(_every(_PROBE_EVERY_S, self._probe))

    async def _resolve(self) -> None:
        await asyncio.gather(*map(self._resolve_one, self._upstreams))

    async def _resolve_one(self, upstream: Upstream) -> None:
        results = await asyncio.gather(*map(resolve, upstream.addresses), return_exceptions=True)
        for address, result in zip(upstream.addresses, results, strict=True):
            # While a name cannot be resolved, the replicas known are the best we have.
            if not isinstance(result, BaseException):
                self._found[address] = result
        found = (self._found.get(address, ()) for address in upstream.addresses)
        upstream.found(list(dict.fromkeys(chain.from_iterable(found))))

    async def _probe(self) -> None:
        await asyncio.gather(
            *(
                self._probe_one(upstream, r)
                for upstream in self._upstreams
                for r in upstream.replicas
            )
        )

    async def _probe_one(self, upstream: Upstream, replica: Replica) -> None:
        try:
            status, _ = await self._client.get(replica.address, "/readyz", _PROBE_WITHIN_S)
            ready = status == 200
        except Unreachable:
            ready = False
        if ready != replica.ready:
            replica.ready = ready
            log.info(
                "replica_ready" if ready else "replica_unready",
                upstream=upstream.name,
                address=replica.address.authority,
            )


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> NoReturn:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:
            log.exception("discovery_failed")
