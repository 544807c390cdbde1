"""A hold's name: opened only by who sealed it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticketing_service.holds.identity import HoldId

SECRET = "s" * 32
NUMBER = st.integers(min_value=1, max_value=2**63 - 1)


@given(NUMBER, NUMBER)
def test_a_name_is_opened_as_it_was_sealed(screening_id: int, user_id: int) -> None:
    hold = HoldId.new(screening_id, user_id)
    assert HoldId.opened(hold.sealed(SECRET), SECRET) == hold


def test_no_two_are_alike() -> None:
    assert len({HoldId.new(1, 1).sealed(SECRET) for _ in range(1000)}) == 1000


@given(st.integers(min_value=0, max_value=63), st.sampled_from("ABCxyz019-_"))
def test_a_name_that_was_changed_is_none(place: int, letter: str) -> None:
    hold = HoldId(42, 7, "0" * 32)
    name = hold.sealed(SECRET)
    changed = name[:place] + letter + name[place + 1 :]
    assert changed == name or HoldId.opened(changed, SECRET) is None


@pytest.mark.parametrize("text", ["", "A", "rubbish", "ünïcode", "A" * 64, "A" * 10_000, "\x00"])
def test_what_is_no_name(text: str) -> None:
    assert HoldId.opened(text, SECRET) is None


def test_another_secret_opens_nothing() -> None:
    assert HoldId.opened(HoldId.new(1, 1).sealed(SECRET), "t" * 32) is None
