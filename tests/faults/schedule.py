"""Which fault comes when: all of it drawn from the seed before the run begins."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Every kind once in each round through the bag, so that a long run meets all of them evenly.
# `ticketing-api` and `ticketing-worker` stand for any one of their replicas.
KINDS: Final = (
    ("kill", "ticketing-api"),
    ("freeze", "ticketing-api"),
    ("restart", "ticketing-api"),
    ("kill", "ticketing-worker"),
    ("freeze", "ticketing-worker"),
    ("restart", "ticketing-worker"),
    ("kill", "catalog-worker"),
    ("freeze", "catalog-worker"),
    ("kill", "catalog-api"),
    ("kill", "auth-api"),
    ("kill", "gateway"),
    ("restart", "gateway"),
    ("flush", "redis"),
    ("flush", "redis"),
    ("kill", "redis"),
    ("freeze", "redis"),
    ("restart", "redis"),
    ("kill", "rabbitmq"),
    ("freeze", "rabbitmq"),
    ("kill", "postgres"),
    ("freeze", "postgres"),
    ("restart", "postgres"),
)
_REPLICATED: Final = ("ticketing-api", "ticketing-worker")
_QUIET_AT_START_S: Final = 5.0
_QUIET_AT_END_S: Final = 8.0
# A second fault comes while the first still lasts.
_TOGETHER: Final = 0.15


@dataclass(frozen=True)
class Planned:
    """At `at` seconds; a freeze lasts `seconds`, anything else is a moment."""

    at: float
    kind: str
    target: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:7.1f} s  {self.kind} {self.target}{lasting}"


def plan(
    seed: int,
    length: float,
    replicas: int,
    kinds: tuple[tuple[str, str], ...] = KINDS,
    pause: tuple[float, float] = (4.0, 9.0),
) -> list[Planned]:
    """The faults of a run of `length` seconds. The same seed gives the same list."""
    chance = random.Random(seed)
    drawn = _draw(chance, kinds)
    faults: list[Planned] = []
    at = _QUIET_AT_START_S
    while True:
        kind, target = next(drawn)
        if target in _REPLICATED:
            target = f"{target}-{chance.randint(1, replicas)}"
        seconds = round(chance.uniform(1.0, 8.0), 2) if kind == "freeze" else 0.0
        if at + seconds > length - _QUIET_AT_END_S:
            return faults
        faults.append(Planned(round(at, 2), kind, target, seconds))
        if chance.random() < _TOGETHER:
            at += chance.uniform(0.1, 1.0)
        else:
            at += seconds + chance.uniform(*pause)


def _draw(chance: random.Random, kinds: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    while True:
        bag = list(kinds)
        chance.shuffle(bag)
        yield from bag
