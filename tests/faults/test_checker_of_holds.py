"""The checker on holds: whose promise was broken, and when it was none any more."""

from typing import Any

import pytest

from tests.faults.checker.state import State
from tests.faults.story import ANNA, BERT, SEAT, SESSION, Story

GONE: dict[str, Any] = {"outcome": "refused", "status": 410, "code": "hold_expired"}
OTHER = (1, 2)


@pytest.fixture
def story() -> Story:
    return Story()


def ticket(number: int, user: int, booked: float, seat: tuple[int, int] = SEAT) -> dict[str, Any]:
    return {"id": number, "user": user, "session": SESSION, "seat": list(seat), "booked": booked}


def booked(story: Story, name: str, user: int, start: float, *seats: tuple[int, int]) -> None:
    """The hold is booked, and its tickets are paid for."""
    numbers = [len(story.state.tickets) + n for n in range(1, len(seats) + 1)]
    answer = [ticket(n, user, start + 0.1, seat) for n, seat in zip(numbers, seats, strict=True)]
    story.use("book_hold", name, user, start, status=201, answer=answer)
    for n, seat in zip(numbers, seats, strict=True):
        story.row(n, user, start + 0.1, seat=seat)
        story.pay(n, user, start + 1)


def test_a_seat_held_by_two(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT, OTHER)
    story.hold("b", BERT, 2.0, OTHER)
    assert story.rules() == {"promise"}


@pytest.mark.parametrize("start", [0.9, 5.0])
def test_a_seat_held_by_two_one_after_the_other(story: Story, start: float) -> None:
    """At the same moment as far as anybody knows, or after the first has expired."""
    story.hold("a", ANNA, 1.0, SEAT)
    story.hold("b", BERT, start, SEAT)
    assert story.rules() == set()


def test_a_seat_held_after_a_release(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.use("release", "a", ANNA, 2.0)
    story.hold("b", BERT, 2.1, SEAT)
    assert story.rules() == set()


def test_a_seat_held_after_a_release_that_went_unanswered(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.use("release", "a", ANNA, 2.0, outcome="unknown", status=503)
    story.hold("b", BERT, 3.0, SEAT)
    assert story.rules() == set()


def test_a_release_by_a_stale_holder_that_frees_the_next_ones_seat(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.hold("b", BERT, 6.0, SEAT)
    story.use("release", "a", ANNA, 7.0, **GONE)
    story.hold("c", ANNA, 8.0, SEAT)
    assert story.rules() == {"promise"}


def test_a_held_seat_booked_by_another(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.book(1, BERT, 2.0)
    story.pay(1, BERT, 3.0)
    assert story.rules() == {"promise"}


def test_ones_own_held_seat_leaves_the_hold(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT, OTHER)
    story.book(1, ANNA, 2.0)
    story.pay(1, ANNA, 2.5)
    booked(story, "a", ANNA, 3.0, OTHER)
    assert story.rules() == set()


def test_ones_own_held_seat_leaves_the_hold_while_it_is_booked(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT, OTHER)
    story.book(1, ANNA, 3.05)
    story.pay(1, ANNA, 3.5)
    booked(story, "a", ANNA, 3.0, OTHER)
    assert story.rules() == set()


def test_a_hold_booked_in_part(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT, OTHER)
    booked(story, "a", ANNA, 3.0, OTHER)
    assert story.rules() == {"all or none"}


@pytest.mark.parametrize("kind", ["flush", "kill"])
def test_what_redis_lost_is_promised_to_nobody(story: Story, kind: str) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.fault(kind, 1.5)
    story.hold("b", BERT, 2.0, SEAT)
    story.use("extend", "a", ANNA, 2.5, **GONE)
    assert story.rules() == set()


def test_a_redis_that_froze_lost_nothing(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.fault("freeze", 1.5)
    story.hold("b", BERT, 2.0, SEAT)
    assert story.rules() == {"promise"}


def test_a_hold_that_ends_before_its_time(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.use("book_hold", "a", ANNA, 2.0, **GONE)
    assert story.rules() == {"hold ended early"}


def test_a_hold_that_has_ended_and_comes_back(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.use("release", "a", ANNA, 2.0)
    booked(story, "a", ANNA, 3.0, SEAT)
    assert story.rules() == {"hold revived"}


def test_a_hold_booked_after_its_end(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    booked(story, "a", ANNA, 5.5, SEAT)
    assert story.rules() == {"time fence"}


def test_a_hold_booked_in_time_after_an_extension(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.use("extend", "a", ANNA, 4.0, answer={"id": "a", "expires": 8.1, "seats": []})
    booked(story, "a", ANNA, 7.0, SEAT)
    assert story.rules() == set()


def test_a_hold_booked_in_time_if_the_extension_worked(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.use("extend", "a", ANNA, 4.0, outcome="unknown", status=503)
    booked(story, "a", ANNA, 7.0, SEAT)
    assert story.rules() == set()


def test_somebody_elses_hold(story: Story) -> None:
    story.hold("a", ANNA, 1.0, SEAT)
    story.use("release", "a", BERT, 2.0)
    assert story.rules() == {"not yours"}


def test_a_sold_seat_that_is_held(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.pay(1, ANNA, 2.0)
    story.hold("b", BERT, 3.0, SEAT)
    assert story.rules() == {"held when sold"}
    story.fault("flush", 2.5)
    assert story.rules() == set()


def test_a_map_that_shows_what_is_not(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.pay(1, ANNA, 2.0)
    look = story.call("map", BERT, 3.0, 3.1, status=200, answer=[[1, 2, "sold", False]])
    assert story.rules() == {"map"}
    look.answer = [[1, 1, "sold", False], [1, 2, "held", False]]
    assert story.rules() == set()


@pytest.mark.parametrize(
    ("state", "rule"),
    [
        (State(outbox={"ticketing": 3}), "outbox"),
        (State(stuck={(SESSION, SEAT): "409 seats_unavailable"}), "stuck"),
        (State(unready=["ticketing-api-1"]), "unready"),
        (State(projected={9}), "projection"),
    ],
)
def test_what_is_left_over(story: Story, state: State, rule: str) -> None:
    story.state = state
    assert story.rules() == {rule}
