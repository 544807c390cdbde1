"""When whoever finds no room should come again: each at a time of his own, as fast as it frees up.

Told "in a second", all would come at once, and be refused again; and every refusal costs some of
what the others wait for.
"""

import math
from typing import Final

_LONGEST_S: Final = 10
_WINDOW_S: Final = 1.0
# Before anything is known, and where next to nothing gets through.
_LEAST_RATE: Final = 20.0
# Of what gets through, for those who come again; there are also those who come first.
_SHARE: Final = 0.5


class Queue:
    """Keeps no one waiting, only the time when the last one was told to come."""

    def __init__(self) -> None:
        self._rate = _LEAST_RATE
        self._since = float("-inf")
        self._finished = 0
        self._last_turn = float("-inf")

    def finished(self, now: float) -> None:
        """One request got through: so the rate is known."""
        self._finished += 1
        passed = now - self._since
        if passed >= _WINDOW_S:
            self._rate = max(_LEAST_RATE, self._finished / passed)
            self._since, self._finished = now, 0

    def turn(self, now: float) -> int:
        """In how many seconds, at least one, whoever is refused now should come again."""
        self._last_turn = max(now, self._last_turn) + 1 / (self._rate * _SHARE)
        if self._last_turn - now > _LONGEST_S:
            self._last_turn = now + _LONGEST_S
        return max(1, math.ceil(self._last_turn - now))
