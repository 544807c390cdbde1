"""What `token/…` takes and shows."""

from typing import Annotated, Literal

from cinema_shared.http.fields import Body, View, clean_text
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from auth_service.passwords import MAX_LENGTH
from auth_service.users.names import USERNAME_MAX


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


class Credentials(Body):
    username: Annotated[
        str,
        BeforeValidator(_stripped),
        Field(min_length=1, max_length=USERNAME_MAX),
        AfterValidator(clean_text),
    ]
    password: Annotated[
        str,
        Field(min_length=1, max_length=MAX_LENGTH, json_schema_extra={"format": "password"}),
        AfterValidator(clean_text),
    ]


class RefreshToken(Body):
    # Long enough for an access token, which some clients send here: that is a 401.
    refresh: str = Field(min_length=1, max_length=4096)


class TokenPair(View):
    access: str
    refresh: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds that the access token is valid for")


class RevocationsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = None
