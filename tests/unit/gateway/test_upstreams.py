"""Which replica is asked next."""

import asyncio

import pytest
from cinema_shared.problems import ServiceUnavailable
from gateway.settings import Address
from gateway.upstreams import Replica, Upstream


def upstream(count: int, *, ready: bool = True) -> tuple[Upstream, list[Replica]]:
    found = Upstream("ticketing", [])
    found.found([Address(f"10.0.0.{n}", 8000) for n in range(count)])
    for replica in found.replicas:
        replica.ready = ready
    return found, list(found.replicas)


async def test_the_one_with_the_fewest_pending_is_asked() -> None:
    service, (first, second, third) = upstream(3)
    first.pending, second.pending, third.pending = 2, 1, 3

    assert service.pick() is second


async def test_ties_are_drawn() -> None:
    service, replicas = upstream(3)

    assert {service.pick() for _ in range(200)} == set(replicas)


async def test_an_unready_one_is_left_out() -> None:
    service, (first, second) = upstream(2)
    second.ready = False
    first.pending = 9

    assert service.pick() is first


async def test_unless_all_are() -> None:
    service, replicas = upstream(2, ready=False)

    assert {service.pick() for _ in range(200)} == set(replicas)


async def test_one_that_failed_is_left_out_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    service, (first, second) = upstream(2)
    loop = asyncio.get_running_loop()
    first.failed()
    assert {service.pick() for _ in range(50)} == {second}

    later = loop.time() + 1.1
    monkeypatch.setattr(loop, "time", lambda: later)

    assert {service.pick() for _ in range(200)} == {first, second}


async def test_the_second_attempt_goes_elsewhere_if_it_can() -> None:
    service, (first, second) = upstream(2)
    assert {service.pick(but=first) for _ in range(50)} == {second}

    single, (only,) = upstream(1)
    assert single.pick(but=only) is only


async def test_a_replica_is_not_given_more_than_it_can_do() -> None:
    service, (first, second) = upstream(2)
    first.pending = second.pending = 256

    for goes_first in (True, False):
        with pytest.raises(ServiceUnavailable):
            service.pick(first=goes_first)


async def test_there_is_room_left_for_what_was_begun() -> None:
    service, (first, second) = upstream(2)
    first.pending = second.pending = 192

    assert service.pick(first=True) in (first, second)
    turns = set()
    for _ in range(100):
        with pytest.raises(ServiceUnavailable) as refused:
            service.pick()
        turns.add(int(refused.value.headers["Retry-After"]))
    assert turns == set(range(1, 11)), "each a time of its own"


async def test_who_stays_keeps_its_record() -> None:
    service, (first, second) = upstream(2)
    first.pending = 5

    service.found([first.address, Address("10.0.0.9", 8000)])

    assert service.replicas[0] is first
    assert second not in service.replicas
    assert not service.replicas[1].ready


async def test_no_replica_at_all_is_an_outage() -> None:
    with pytest.raises(ServiceUnavailable):
        Upstream("ticketing", []).pick()
