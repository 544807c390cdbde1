"""`register/`, `current_user/`, `user/`."""

from collections.abc import Sequence
from typing import Annotated, Any

from cinema_shared.database import Transaction
from cinema_shared.http.fields import Id
from cinema_shared.http.pages import PageQuery, link_next
from cinema_shared.http.strict import StrictRoute
from cinema_shared.problems import NotFound
from cinema_shared.tokens import CurrentUser, StaffUser
from cinema_shared.tokens.verifier import InvalidToken
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Row

from auth_service import passwords
from auth_service.resources import Auth
from auth_service.users import service
from auth_service.users.schemas import (
    CurrentUserView,
    RegisteredView,
    Registration,
    UserChange,
    UserView,
)

router = APIRouter(route_class=StrictRoute, tags=["users"])


@router.post("/register", status_code=201, response_model=RegisteredView)
async def register(body: Registration, auth: Auth) -> Row[Any]:
    passwords.require_strong(body.password, body.username, body.email)
    # Hashed before the transaction is opened: no connection waits in the queue for a core.
    password_hash = await auth.hasher.hash(body.password)
    async with auth.database.transaction() as transaction:
        return await service.create(
            transaction, username=body.username, email=body.email, password_hash=password_hash
        )


@router.get("/current_user", response_model=CurrentUserView)
async def current_user(caller: CurrentUser, transaction: Transaction) -> Row[Any]:
    user = await service.find(transaction, caller.user_id)
    if user is None or not user.is_active:
        raise InvalidToken
    return user


@router.get("/user", response_model=list[UserView])
async def list_users(
    _: StaffUser,
    query: Annotated[PageQuery, Query()],
    transaction: Transaction,
    request: Request,
    response: Response,
) -> Sequence[Row[Any]]:
    after = query.after(parts=1)
    rows = await service.page(transaction, after=after[0] if after else None, limit=query.limit)
    return link_next(request, response, rows, query.limit, lambda row: (row.id,))


@router.get("/user/{user_id}", response_model=UserView)
async def read_user(user_id: Id, caller: CurrentUser, transaction: Transaction) -> Row[Any]:
    if not caller.is_staff and caller.user_id != user_id:
        raise NotFound
    user = await service.find(transaction, user_id)
    if user is None:
        raise NotFound
    return user


@router.patch("/user/{user_id}", response_model=UserView)
async def change_user(
    user_id: Id, body: UserChange, _: StaffUser, transaction: Transaction
) -> Row[Any]:
    return await service.change(transaction, user_id, body.model_dump(exclude_unset=True))
