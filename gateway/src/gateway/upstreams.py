"""The replicas of a service, and which of them is asked next."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

import structlog
from cinema_shared.problems import ServiceUnavailable

from gateway.queue import Queue
from gateway.settings import Address

log = structlog.get_logger(__name__)

# What a replica is given at once; beyond this it is better to say so than to queue.
_MOST_PENDING: Final = 256
# And of that, what is there for requests that begin something: a seat that is held is to be booked
# and paid, whoever else has come.
_MOST_PENDING_NEW: Final = 192
_OUT_FOR_S: Final = 1.0


class Replica:
    """One process of a service. `ready` is what it said of itself when it was last asked."""

    __slots__ = ("address", "out_until", "pending", "ready")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.pending = 0
        self.ready = False
        self.out_until = float("-inf")

    def failed(self) -> None:
        """A connection to it failed: others are asked for a while."""
        self.out_until = asyncio.get_running_loop().time() + _OUT_FOR_S


class Upstream:
    """A service: the addresses it is known by, and the replicas that they stand for now."""

    def __init__(self, name: str, addresses: Sequence[Address]) -> None:
        self.name = name
        self.addresses = addresses
        self.replicas: list[Replica] = []
        self._queue = Queue()

    @property
    def ready(self) -> bool:
        return any(replica.ready for replica in self.replicas)

    def found(self, addresses: Sequence[Address]) -> None:
        """Replace the replicas by those at these addresses; who stays keeps his record."""
        known = {replica.address: replica for replica in self.replicas}
        if set(addresses) == set(known):
            return
        log.info("replicas", upstream=self.name, addresses=[a.authority for a in addresses])
        self.replicas = [known.get(address) or Replica(address) for address in addresses]

    def finished(self) -> None:
        """A request got through, well or not."""
        self._queue.finished(asyncio.get_running_loop().time())

    def pick(self, but: Replica | None = None, *, first: bool = False) -> Replica:
        """The one with the fewest requests pending, of those that seem well.

        There is room for a few more of those that go `first`.

        Where none does, any is tried: a service that is unready may still answer much, and a
        readiness check that fails everywhere must not close everything.
        """
        now = asyncio.get_running_loop().time()
        most = _MOST_PENDING if first else _MOST_PENDING_NEW
        free = [r for r in self.replicas if r.pending < most]
        if but is not None and len(free) > 1:
            free = [r for r in free if r is not but]
        present = [r for r in free if r.out_until <= now]
        choice = [r for r in present if r.ready] or present or free
        if not choice:
            raise ServiceUnavailable(retry_after=self._queue.turn(now) if self.replicas else 1)
        if len(choice) == 1:
            return choice[0]
        fewest = min(r.pending for r in choice)
        return random.choice([r for r in choice if r.pending == fewest])  # noqa: S311
