"""Why a command cannot do what it was asked: what is wrong, and what to do about it.

Refusal
├── NotThere       1
├── WrongUse       2
└── Unreachable    3
"""

from typing import ClassVar


class Refusal(Exception):  # noqa: N818  (as with Problem: it is the answer, not an accident)
    """`code` is what the command exits with."""

    code: ClassVar[int]


class NotThere(Refusal):
    code = 1


class WrongUse(Refusal):
    code = 2


class Unreachable(Refusal):
    code = 3
