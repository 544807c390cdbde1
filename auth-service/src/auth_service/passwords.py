"""Which passwords are refused, and why."""

from difflib import SequenceMatcher
from typing import Final

from cinema_shared.problems import invalid
from zxcvbn.frequency_lists import FREQUENCY_LISTS

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 128
_TOO_SIMILAR: Final = 0.7
# Below this a name is within most passwords by chance.
_SHORTEST_NAME: Final = 4

_COMMONEST: Final = frozenset(
    password.lower() for password in FREQUENCY_LISTS["passwords"] if len(password) >= MIN_LENGTH
)


def weakness(password: str, username: str, email: str) -> str | None:
    """What is wrong with the password, in one clause, or None."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"it must have {MIN_LENGTH} to {MAX_LENGTH} characters"
    if password.isnumeric():
        return "it must not consist of digits alone"
    if password.lower() in _COMMONEST:
        return "it is among the commonest passwords"
    if any(_similar(password, name) for name in (username, email.partition("@")[0], email)):
        return "it is too similar to the user name or the email address"
    return None


def require_strong(password: str, username: str, email: str) -> None:
    """Raise a 422 for a weak one."""
    if found := weakness(password, username, email):
        raise invalid("password", found)


def _similar(password: str, name: str) -> bool:
    password, name = password.lower(), name.lower()
    if password == name:
        return True
    if len(name) < _SHORTEST_NAME:
        return False
    return SequenceMatcher(a=password, b=name).ratio() >= _TOO_SIMILAR
