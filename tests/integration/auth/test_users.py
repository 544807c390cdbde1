import asyncio

import pytest
from auth_service.users import service
from cinema_shared.database import Database

from tests.integration.auth.conftest import Auth


async def test_everybody_sees_themselves(auth: Auth) -> None:
    user_id, name, tokens = await auth.new_user()

    current = await auth.call("GET", "/current_user/", token=tokens["access"])
    own = await auth.call("GET", f"/user/{user_id}/", token=tokens["access"])

    expected = {
        "id": user_id,
        "username": name,
        "email": f"{name}@example.com",
        "is_staff": False,
    }
    assert (current.status, current.body) == (200, expected)
    assert (own.status, own.body) == (200, expected | {"is_active": True})


async def test_a_customer_sees_nobody_else(auth: Auth) -> None:
    _, _, tokens = await auth.new_user()
    other, _, _ = await auth.new_user()

    for user_id in (other, 10**15):
        answer = await auth.call("GET", f"/user/{user_id}", token=tokens["access"])
        assert (answer.status, answer.code) == (404, "not_found")
    assert (await auth.call("GET", "/user", token=tokens["access"])).code == "forbidden"


@pytest.mark.parametrize("path", ["/current_user", "/user", "/user/1"])
async def test_nobody_sees_anything_without_a_token(auth: Auth, path: str) -> None:
    answer = await auth.call("GET", path)

    assert (answer.status, answer.code) == (401, "unauthorized")
    assert "WWW-Authenticate" in answer.headers


async def test_staff_see_all_in_pages(auth: Auth) -> None:
    for _ in range(3):
        await auth.register()
    staff = await auth.staff_token()
    seen, path = [], "/user/?limit=2"

    while path:
        answer = await auth.call("GET", path, token=staff)
        assert answer.status == 200
        seen += [user["id"] for user in answer.body]
        path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")

    rows = await auth.sql("SELECT id FROM users ORDER BY id")
    assert seen == [row.id for row in rows]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=x", "search=a", "limit=1&x=1"])
async def test_a_list_takes_no_odd_query(auth: Auth, query: str) -> None:
    answer = await auth.call("GET", f"/user?{query}", token=await auth.staff_token())

    assert (answer.status, answer.code) == (422, "validation_error")


async def test_a_user_that_is_gone_is_nobody(auth: Auth) -> None:
    user_id, _, tokens = await auth.new_user()
    await auth.sql("DELETE FROM token_families WHERE user_id = :id", id=user_id)
    await auth.sql("DELETE FROM users WHERE id = :id", id=user_id)

    answer = await auth.call("GET", "/current_user", token=tokens["access"])

    assert (answer.status, answer.code) == (401, "invalid_token")


async def test_staff_change_role_and_state(auth: Auth) -> None:
    user_id, _, _ = await auth.new_user()
    staff = await auth.staff_token()
    path = f"/user/{user_id}/"
    fetched = (await auth.call("GET", path, token=staff)).body

    # Sent back as it was fetched, and so with fields that cannot be changed.
    answer = await auth.call("PATCH", path, fetched | {"is_staff": True, "id": 1}, token=staff)

    assert (answer.status, answer.body) == (200, fetched | {"is_staff": True})
    assert [name for name, _ in await auth.events(user_id)] == [
        "cinema.user.registered.v1",
        "cinema.user.changed.v1",
    ]
    _, event = (await auth.events(user_id))[-1]
    assert event["subjectversion"] == 2
    assert event["data"] == fetched | {"is_staff": True}


@pytest.mark.parametrize("body", [{}, {"is_staff": False}, {"username": "x"}])
async def test_what_changes_nothing_tells_nobody(auth: Auth, body: dict[str, object]) -> None:
    user_id, name, _ = await auth.new_user()

    answer = await auth.call("PATCH", f"/user/{user_id}", body, token=await auth.staff_token())

    assert (answer.status, answer.body["username"]) == (200, name)
    assert len(await auth.events(user_id)) == 1


@pytest.mark.parametrize(
    "body", [{"is_staff": None}, {"is_staff": "true"}, {"is_active": 0}, {"password": "x"}, []]
)
async def test_odd_changes_are_refused(auth: Auth, body: object) -> None:
    user_id, _, _ = await auth.new_user()

    answer = await auth.call("PATCH", f"/user/{user_id}", body, token=await auth.staff_token())

    assert (answer.status, answer.code) == (422, "validation_error")


async def test_a_customer_changes_nobody_not_even_themselves(auth: Auth) -> None:
    user_id, _, tokens = await auth.new_user()

    for target in (user_id, 1, 10**15):
        answer = await auth.call(
            "PATCH", f"/user/{target}", {"is_staff": True}, token=tokens["access"]
        )
        assert (answer.status, answer.code) == (403, "forbidden")


async def test_unknown_users_and_odd_ids(auth: Auth) -> None:
    staff = await auth.staff_token()

    assert (await auth.call("PATCH", "/user/999999999", {}, token=staff)).status == 404
    assert (await auth.call("GET", "/user/999999999", token=staff)).status == 404
    for odd in ("0", "-1", "1e3", "0x10", "NaN", "9" * 30, "true"):
        assert (await auth.call("GET", f"/user/{odd}", token=staff)).status == 422


async def test_the_last_staff_account_stays(own_auth: Auth) -> None:
    staff = await own_auth.staff_token()
    [row] = await own_auth.sql("SELECT id FROM users WHERE is_staff")

    for change in ({"is_staff": False}, {"is_active": False}):
        answer = await own_auth.call("PATCH", f"/user/{row.id}", change, token=staff)
        assert (answer.status, answer.code) == (409, "last_staff")
    assert len(await own_auth.events(row.id)) == 1


async def test_a_disabled_staff_account_does_not_count(own_auth: Auth) -> None:
    await own_auth.register("deputy")
    await own_auth.sql(
        "UPDATE users SET is_staff = true, is_active = false WHERE username = 'deputy'"
    )
    [row] = await own_auth.sql("SELECT id FROM users WHERE username = 'staff'")

    answer = await own_auth.call(
        "PATCH", f"/user/{row.id}", {"is_staff": False}, token=await own_auth.staff_token()
    )

    assert answer.code == "last_staff"


async def test_two_that_demote_each_other(own_auth: Auth) -> None:
    await own_auth.register("rival")
    await own_auth.sql("UPDATE users SET is_staff = true WHERE username = 'rival'")
    tokens = [
        await own_auth.staff_token(),
        (await own_auth.log_in("rival")).body["access"],
    ]
    ids = [row.id for row in await own_auth.sql("SELECT id FROM users ORDER BY id DESC")]

    answers = await asyncio.gather(
        *(
            own_auth.call("PATCH", f"/user/{user_id}", {"is_staff": False}, token=token)
            for user_id, token in zip(ids, tokens, strict=True)
        )
    )

    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_however_often_one_staff_account_is_left(own_auth: Auth) -> None:
    """The same without HTTP: a hundred rounds, with disabling among them."""
    await own_auth.register("rival")
    ids = [row.id for row in await own_auth.sql("SELECT id FROM users")]

    async def change(database: Database, user_id: int, changes: dict[str, bool]) -> bool:
        try:
            async with database.transaction() as transaction:
                await service.change(transaction, user_id, changes)
        except service.LastStaff:
            return False
        return True

    for number in range(100):
        await own_auth.sql("UPDATE users SET is_staff = true, is_active = true")
        done = await asyncio.gather(
            change(own_auth.database, ids[0], {"is_staff": False}),
            change(own_auth.database, ids[1], {"is_active" if number % 2 else "is_staff": False}),
        )
        assert sorted(done) == [False, True]
        [row] = await own_auth.sql("SELECT count(*) FROM users WHERE is_staff AND is_active")
        assert row.count == 1
