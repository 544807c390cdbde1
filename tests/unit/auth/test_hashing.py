import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from auth_service.hashing import Hasher
from cinema_shared.problems import ServiceUnavailable


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    hasher = Hasher(threads=1, queue=2)
    yield hasher
    hasher.close()


async def test_a_hash_matches_its_password_alone(hasher: Hasher) -> None:
    known = await hasher.hash("right")

    assert known.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await hasher.matches("right", known)
    assert not await hasher.matches("wrong", known)


async def test_nobody_costs_a_hash_too(hasher: Hasher, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []

    class Argon2:
        def verify(self, known: str, password: str) -> None:
            verified.append(known)

    monkeypatch.setattr(hasher, "_argon2", Argon2())

    assert not await hasher.matches("whatever", None)
    assert verified == [hasher._nobody]


async def test_the_queue_has_an_end(hasher: Hasher, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    class Argon2:
        def hash(self, password: str) -> str:
            go_on.wait(10)
            return password

    monkeypatch.setattr(hasher, "_argon2", Argon2())
    waiting: list[asyncio.Task[Any]] = [
        asyncio.create_task(hasher.hash(str(number))) for number in range(3)
    ]
    await asyncio.sleep(0.01)

    with pytest.raises(ServiceUnavailable):
        hasher.require_room()
    with pytest.raises(ServiceUnavailable):
        await hasher.hash("one too many")
    # Whoever gives up makes room.
    waiting.pop().cancel()
    await asyncio.sleep(0.01)
    hasher.require_room()

    go_on.set()
    assert await asyncio.gather(*waiting) == ["0", "1"]
