"""What auth publishes: `user.registered`, `user.changed`; subject `user/{id}`."""

from cinema_shared.events.envelope import EventData

SOURCE = "/auth"


class UserData(EventData):
    id: int
    username: str
    email: str
    is_staff: bool
    is_active: bool
