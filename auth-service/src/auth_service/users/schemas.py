"""What `register/`, `current_user/` and `user/` take and show."""

from typing import Annotated

from cinema_shared.http.fields import Body, ReadOnly, View, clean_text
from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from auth_service.passwords import MAX_LENGTH, MIN_LENGTH
from auth_service.users.names import EMAIL_MAX, USERNAME_MAX, allowed_email, allowed_username

# Lengths are checked first: a megabyte is refused without being looked through.


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Username = Annotated[
    str,
    BeforeValidator(_stripped),
    Field(min_length=1, max_length=USERNAME_MAX),
    AfterValidator(allowed_username),
]
Email = Annotated[
    str,
    BeforeValidator(_stripped),
    Field(min_length=3, max_length=EMAIL_MAX, json_schema_extra={"format": "email"}),
    AfterValidator(allowed_email),
]
NewPassword = Annotated[
    str,
    Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH, json_schema_extra={"format": "password"}),
    AfterValidator(clean_text),
]


class Registration(Body):
    username: Username
    email: Email
    password: NewPassword


# May be left out, but may not be null.
_Change = Annotated[
    StrictBool, Field(default=None, json_schema_extra=lambda schema: schema.pop("default"))
]


class UserChange(Body):
    is_staff: _Change
    is_active: _Change
    id: ReadOnly
    username: ReadOnly
    email: ReadOnly


class RegisteredView(View):
    id: int
    username: str
    email: str


class CurrentUserView(RegisteredView):
    is_staff: bool


class UserView(CurrentUserView):
    is_active: bool
