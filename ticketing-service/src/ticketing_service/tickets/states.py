"""The life of a ticket.

    booked ──► paid
       ├─────► cancelled
       └─────► expired

Nothing else. Each arrow is one guarded statement in `transitions.py`.
"""

from enum import IntEnum
from typing import Final


class Status(IntEnum):
    """The numbers are cinemapi's, and clients' own."""

    BOOKED = 1
    PAID = 2
    CANCELLED = 3
    EXPIRED = 4

    @property
    def word(self) -> str:
        return self.name.lower()


# A seat belongs to the one live ticket for it: the partial unique index has the same list.
LIVE: Final = (Status.BOOKED, Status.PAID)
