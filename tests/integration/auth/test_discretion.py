"""What is nobody's business: in logs, in events, in refusals."""

import logging
import traceback

import pytest
from auth_service.users.tables import users
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from tests.integration.auth.conftest import PASSWORD, STAFF_PASSWORD, Auth


async def test_logs_hold_no_password_token_or_email(
    auth: Auth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "auth_service")
    caplog.set_level(logging.DEBUG, "cinema_shared")
    user_id, name, tokens = await auth.new_user()
    await auth.register(name)
    await auth.register("x", email="odd", password="12345678")
    await auth.log_in(name, "a wrong password")
    second = (await auth.refresh(tokens["refresh"])).body
    await auth.sql("UPDATE refresh_tokens SET rotated_at = now() - interval '1 minute'")
    await auth.refresh(tokens["refresh"])
    await auth.call("POST", "/token/revoke", {"refresh": second["refresh"]})
    staff = await auth.staff_token()
    await auth.call("PATCH", f"/user/{user_id}", {"is_staff": True}, token=staff)

    logged = "\n".join(f"{record.msg} {record.args} {record.exc_text}" for record in caplog.records)

    assert "refresh_token_replayed" in logged
    for secret in (
        PASSWORD,
        STAFF_PASSWORD,
        "a wrong password",
        f"{name}@example.com",
        *(pair[kind] for pair in (tokens, second) for kind in ("access", "refresh")),
        staff,
    ):
        assert secret not in logged


async def test_an_error_of_the_database_does_not_repeat_what_was_stored(auth: Auth) -> None:
    row = {
        "username": "a",
        "username_key": "a",
        "email": "private@example.com",
        "email_key": "private@example.com",
        "password_hash": "$argon2id$secret",
        "is_staff": False,
        "is_active": True,
        "version": -1,
    }
    with pytest.raises(DBAPIError) as caught:
        async with auth.database.transaction() as transaction:
            await transaction.execute(insert(users).values(row))

    told = "".join(traceback.format_exception(caught.value))
    assert "users_version_check" in told
    assert "private@example.com" not in told


async def test_events_hold_no_password(auth: Auth) -> None:
    rows = await auth.sql("SELECT body FROM outbox")

    assert rows
    assert not [row for row in rows if "password" in row.body or "argon2" in row.body]


async def test_refusals_tell_nothing_of_the_machinery(auth: Auth) -> None:
    answers = [
        await auth.call("POST", "/token", data=b"{", headers={"Content-Type": "application/json"}),
        await auth.call("POST", "/token", data=b"[" * 100_000),
        await auth.call("POST", "/token", data=b'{"username":"a","username":"b","password":"c"}'),
        await auth.call("DELETE", "/token"),
        await auth.call("GET", "/nothing/here"),
        await auth.call("GET", "/user/%00"),
        await auth.call("POST", "/token?debug=1", {"username": "a", "password": "b"}),
    ]

    assert [answer.status for answer in answers] == [422, 422, 422, 405, 404, 401, 422]
    for answer in answers:
        assert answer.code
        text = str(answer.body).lower()
        for word in ("traceback", "sqlalchemy", "asyncpg", "select ", "fastapi", "pydantic", ".py"):
            assert word not in text
