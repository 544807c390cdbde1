"""The checker on single answers, and on what the same Idempotency-Key gets."""

from typing import Any

import pytest

from tests.faults.story import ANNA, SEAT, Story


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.mark.parametrize(
    ("answer", "flaw"),
    [
        ({"outcome": "refused", "status": 500, "code": "internal_error"}, True),
        ({"outcome": "refused", "status": 429, "code": "too_many_requests"}, True),
        ({"outcome": "refused", "status": 404, "code": "session_not_found"}, True),
        ({"outcome": "unknown", "status": 502}, True),
        ({"outcome": "unknown", "flaws": ["503 without Retry-After"]}, True),
        ({"outcome": "refused", "status": 409, "code": "seats_unavailable"}, False),
        ({"outcome": "unknown"}, False),
    ],
)
def test_answers_of_the_contract(story: Story, answer: dict[str, Any], *, flaw: bool) -> None:
    story.call("hold", ANNA, 1.0, 1.2, seats=[SEAT], **answer)
    assert story.rules() == ({"answer"} if flaw else set())


def test_a_request_that_hangs(story: Story) -> None:
    story.call("hold", ANNA, 1.0, 7.5, seats=[SEAT], outcome="unknown")
    assert story.rules() == {"answer"}


def test_the_same_key_and_another_answer(story: Story) -> None:
    story.book(1, ANNA, 1.0, key="k")
    story.pay(1, ANNA, 3.0)
    refusal = {"outcome": "refused", "code": "wrong_seat_error"}
    story.call("book", ANNA, 2.0, 2.1, seats=[SEAT], key="k", **refusal)
    assert story.rules() == {"key"}


def test_a_retried_booking_whose_first_answer_was_another(story: Story) -> None:
    story.call("book", ANNA, 1.0, 1.5, seats=[SEAT], key="k", outcome="unknown")
    story.row(1, ANNA, 1.2)
    story.ended(1, "booked")
    story.state.closes = {}
    refusal = {"outcome": "refused", "code": "wrong_seat_error"}
    story.call("book", ANNA, 2.0, 2.1, seats=[SEAT], key="k", **refusal)
    assert story.rules() == {"unasked"}


def test_a_retried_booking_with_its_first_answer(story: Story) -> None:
    story.call("book", ANNA, 1.0, 1.5, seats=[SEAT], key="k", outcome="unknown")
    flight = {"outcome": "refused", "code": "idempotency_in_flight"}
    story.call("book", ANNA, 1.6, 1.7, seats=[SEAT], key="k", **flight)
    story.book(1, ANNA, 2.0, key="k")
    story.row(1, ANNA, 1.2)
    story.pay(1, ANNA, 3.0)
    assert story.rules() == set()
