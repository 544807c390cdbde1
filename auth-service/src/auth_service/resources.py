"""What the endpoints of auth work with, made once when the process starts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from cinema_shared.database import Database
from fastapi import Depends
from starlette.requests import Request

from auth_service.hashing import Hasher
from auth_service.tokens.access import Signer
from auth_service.tokens.throttle import LoginThrottle


@dataclass(frozen=True)
class Resources:
    database: Database
    hasher: Hasher
    signer: Signer
    throttle: LoginThrottle
    access_lifetime: timedelta
    refresh_lifetime: timedelta


async def _resources(request: Request) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


Auth = Annotated[Resources, Depends(_resources)]
