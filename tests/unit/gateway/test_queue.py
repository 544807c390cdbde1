"""Whoever finds no room is told a time of his own, no faster than there is room."""

from collections import Counter

from gateway.queue import Queue


def busy(queue: Queue, rate: int) -> float:
    """After some seconds in which so many a second got through; what time it is then."""
    for second in range(1, 4):
        for number in range(rate):
            queue.finished(second + number / rate)
    queue.finished(4.0)
    return 4.0


def test_turns_are_as_far_apart_as_there_is_room() -> None:
    queue = Queue()
    now = busy(queue, 100)
    turns = Counter(queue.turn(now) for _ in range(300))
    assert sorted(turns) == [1, 2, 3, 4, 5, 6]
    assert all(45 <= count <= 55 for count in turns.values())


def test_nobody_is_sent_away_for_long() -> None:
    queue = Queue()
    now = busy(queue, 100)
    assert {queue.turn(now) for _ in range(5000)} == set(range(1, 11))


def test_nor_for_ever_where_nothing_gets_through() -> None:
    queue = Queue()
    assert max(queue.turn(0.0) for _ in range(1000)) == 10


def test_the_queue_is_forgotten_when_it_has_passed() -> None:
    queue = Queue()
    now = busy(queue, 100)
    for _ in range(500):
        queue.turn(now)
    assert queue.turn(now + 60) == 1
