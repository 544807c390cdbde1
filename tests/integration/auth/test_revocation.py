import asyncio
import time
from datetime import UTC, datetime, timedelta

from auth_service.tokens import families, revocations
from auth_service.users import service
from cinema_shared.http.fields import format_time
from sqlalchemy import text

from tests.integration.auth.conftest import Auth


async def _seconds_until(auth: Auth, status: int, path: str, token: str) -> float:
    """Until every process answers so."""
    started = time.monotonic()
    in_a_row = 0
    while in_a_row < 2 * len(auth.urls):
        answer = await auth.call("GET", path, token=token)
        in_a_row = in_a_row + 1 if answer.status == status else 0
        assert time.monotonic() - started < 10, answer
        await asyncio.sleep(0.05)
    return time.monotonic() - started


async def test_logging_out_ends_the_family_and_its_access_tokens(auth: Auth) -> None:
    _, _, tokens = await auth.new_user()
    refreshed = (await auth.refresh(tokens["refresh"])).body

    answer = await auth.call("POST", "/token/revoke/", {"refresh": refreshed["refresh"]})

    assert (answer.status, answer.body) == (204, None)
    assert (await auth.refresh(refreshed["refresh"])).status == 401
    # One of them issued before the last rotation.
    assert await _seconds_until(auth, 401, "/current_user", tokens["access"]) < 5
    assert await _seconds_until(auth, 401, "/current_user", refreshed["access"]) < 5


async def test_a_used_up_token_logs_out_too(auth: Auth) -> None:
    _, _, tokens = await auth.new_user()
    refreshed = (await auth.refresh(tokens["refresh"])).body

    await auth.call("POST", "/token/revoke/", {"refresh": tokens["refresh"]})

    assert (await auth.refresh(refreshed["refresh"])).status == 401


async def test_rubbish_is_revoked_without_a_word(auth: Auth) -> None:
    for rubbish in ("rubbish", "a.b.c"):
        answer = await auth.call("POST", "/token/revoke", {"refresh": rubbish}, token="rubbish")
        assert answer.status == 204
    assert (await auth.call("POST", "/token/revoke", {"token": "rubbish"})).status == 422


async def test_a_disabled_user_is_out_within_seconds(auth: Auth) -> None:
    user_id, name, tokens = await auth.new_user()
    staff = await auth.staff_token()

    await auth.call("PATCH", f"/user/{user_id}", {"is_active": False}, token=staff)

    assert (await auth.refresh(tokens["refresh"])).status == 401
    assert (await auth.log_in(name)).status == 401
    assert await _seconds_until(auth, 401, "/current_user", tokens["access"]) < 5


async def test_old_log_ins_stay_ended_when_the_user_is_enabled_again(auth: Auth) -> None:
    user_id, name, tokens = await auth.new_user()
    staff = await auth.staff_token()

    await auth.call("PATCH", f"/user/{user_id}", {"is_active": False}, token=staff)
    await auth.call("PATCH", f"/user/{user_id}", {"is_active": True}, token=staff)

    assert (await auth.refresh(tokens["refresh"])).status == 401
    again = await auth.log_in(name)
    assert again.status == 200
    await _seconds_until(auth, 200, "/current_user", again.body["access"])


async def test_a_demoted_user_has_lost_the_role_within_seconds(auth: Auth) -> None:
    user_id, name, _ = await auth.new_user()
    staff = await auth.staff_token()
    await auth.call("PATCH", f"/user/{user_id}", {"is_staff": True}, token=staff)
    promoted = (await auth.log_in(name)).body["access"]
    await _seconds_until(auth, 200, "/user", promoted)

    await auth.call("PATCH", f"/user/{user_id}", {"is_staff": False}, token=staff)

    assert await _seconds_until(auth, 403, "/user", promoted) < 5


async def test_the_list_reaches_back_as_far_as_a_token_can(auth: Auth) -> None:
    recent, _, _ = await auth.new_user()
    old, _, _ = await auth.new_user()
    for user, age in ((recent, timedelta(minutes=15)), (old, timedelta(minutes=17))):
        await auth.sql(
            "UPDATE token_families SET ended_at = now() - :age WHERE user_id = :id",
            age=age,
            id=user,
        )
        await auth.sql(
            "UPDATE users SET changed_at = now() - :age WHERE id = :id", age=age, id=user
        )

    answer = await auth.call("GET", "/internal/revocations")

    families = await auth.sql("SELECT id::text, user_id FROM token_families")
    ended = {row.user_id for row in families if row.id in answer.body["ended_families"]}
    changed = {user["id"] for user in answer.body["users"]}
    assert recent in ended & changed
    assert old not in ended | changed


async def test_the_next_question_covers_what_was_committed_late(auth: Auth) -> None:
    user_id, _, _ = await auth.new_user()
    asked = await auth.call("GET", "/internal/revocations")
    since = datetime.fromisoformat(asked.body["as_of"])
    for seconds in (5, 60):
        await auth.sql(
            "UPDATE users SET changed_at = :at WHERE id = :id",
            at=since - timedelta(seconds=seconds),
            id=user_id,
        )
        answer = await auth.call(
            "GET", "/internal/revocations", params={"since": format_time(since)}
        )
        assert (user_id in {user["id"] for user in answer.body["users"]}) == (seconds == 5)


async def test_it_is_found_by_index_however_many_there_are(auth: Auth) -> None:
    statement = revocations._SINCE
    async with auth.database.transaction() as transaction:
        # A table of a few rows is read faster without; the question is whether one could be used.
        await transaction.execute(text("SET LOCAL enable_seqscan = off"))
        explain = text(f"EXPLAIN {statement.text}").bindparams(*statement._bindparams.values())
        plan = await transaction.scalars(
            explain, {"since": datetime.now(UTC), "oldest": timedelta(minutes=16)}
        )
        lines = "\n".join(plan)

    assert "token_families_ended_at" in lines
    assert "users_changed_at" in lines
    assert "Seq Scan" not in lines


async def test_it_is_not_in_the_public_document(auth: Auth) -> None:
    document = (await auth.call("GET", "/openapi.json")).body

    assert not [path for path in document["paths"] if "internal" in path]
    assert (await auth.call("GET", "/internal/revocations?until=1")).status == 422


async def test_a_log_in_and_being_disabled_wait_for_each_other(auth: Auth) -> None:
    """Or a log-in that has seen the user active would outlive the end of all log-ins."""
    user_id, _, _ = await auth.new_user()

    async def set_active(value: bool) -> None:
        async with auth.database.transaction() as transaction:
            await service.change(transaction, user_id, {"is_active": value})

    async with auth.database.transaction() as log_in:
        bearer = await families.start(log_in, user_id)
        disabling = asyncio.create_task(set_active(False))
        await asyncio.sleep(0.3)
        assert not disabling.done()
    await disabling

    assert bearer is not None
    [row] = await auth.sql("SELECT ended_at FROM token_families WHERE id = :id", id=bearer.family)
    assert row.ended_at is not None

    await set_active(True)
    async with auth.database.transaction() as transaction:
        await service.change(transaction, user_id, {"is_active": False})
        late = asyncio.create_task(_start(auth, user_id))
        await asyncio.sleep(0.3)
        assert not late.done()
    assert await late is None


async def _start(auth: Auth, user_id: int) -> families.Bearer | None:
    async with auth.database.transaction() as transaction:
        return await families.start(transaction, user_id)
