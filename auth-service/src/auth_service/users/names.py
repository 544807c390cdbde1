"""User names and email addresses: which are allowed, and which are the same."""

import re
import unicodedata
from typing import Final

from cinema_shared.http.fields import clean_text

USERNAME_MAX: Final = 150
EMAIL_MAX: Final = 254

_USERNAME = re.compile(r"[\w.@+-]+")
_LABEL = r"[^\W_]([\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"[^\s@<>()\[\],;:\\\"]{{1,64}}@({_LABEL}\.)+{_LABEL}")


def allowed_username(value: str) -> str:
    """In the one spelling that Unicode has for it, so that equal names look equal."""
    value = unicodedata.normalize("NFKC", value)
    if not _USERNAME.fullmatch(value) or len(value) > USERNAME_MAX:
        raise ValueError(f"1 to {USERNAME_MAX} letters, digits and any of @ . + - _ are expected")
    return value


def allowed_email(value: str) -> str:
    clean_text(value)
    if not _EMAIL.fullmatch(value):
        raise ValueError("an email address such as name@example.com is expected")
    return value


def key(value: str) -> str:
    """Equal for names that differ in case alone.

    Folded here and not by PostgreSQL's `lower()`, which in a database of the "C" locale would take
    É and é for different letters.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
