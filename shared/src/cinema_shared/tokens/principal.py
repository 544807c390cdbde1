"""Who is calling."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a valid access token; `family` is the log-in that the token descends from."""

    user_id: int
    username: str
    is_staff: bool
    family: str
