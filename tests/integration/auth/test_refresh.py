import asyncio

import pytest

from tests.integration.auth.conftest import Auth


async def _let_pass(auth: Auth, seconds: int) -> None:
    """For all refresh tokens: as if they had been used that much earlier."""
    await auth.sql(f"UPDATE refresh_tokens SET rotated_at = rotated_at - interval '{seconds} s'")


async def test_both_tokens_are_new_and_the_log_in_stays(auth: Auth) -> None:
    user_id, _, first = await auth.new_user()

    second = (await auth.refresh(first["refresh"])).body
    third = (await auth.refresh(second["refresh"])).body

    assert len({pair["refresh"] for pair in (first, second, third)}) == 3
    assert len({pair["access"] for pair in (first, second, third)}) == 3
    assert (await auth.call("GET", "/current_user", token=third["access"])).body["id"] == user_id
    [row] = await auth.sql("SELECT count(*) FROM token_families WHERE user_id = :id", id=user_id)
    assert row.count == 1


async def test_of_twenty_at_once_one_wins_and_the_family_lives(auth: Auth) -> None:
    _, _, tokens = await auth.new_user()
    for _ in range(25):
        answers = await asyncio.gather(*(auth.refresh(tokens["refresh"]) for _ in range(20)))

        assert sorted(answer.status for answer in answers) == [200] + 19 * [401]
        assert {answer.code for answer in answers if answer.status == 401} == {"invalid_token"}
        tokens = next(answer.body for answer in answers if answer.status == 200)

    assert (await auth.refresh(tokens["refresh"])).status == 200


async def test_a_double_click_is_only_refused(auth: Auth) -> None:
    _, _, first = await auth.new_user()
    second = (await auth.refresh(first["refresh"])).body
    await _let_pass(auth, 4)

    assert (await auth.refresh(first["refresh"])).status == 401

    assert (await auth.refresh(second["refresh"])).status == 200


async def test_an_old_one_ends_the_family_for_good(auth: Auth) -> None:
    user_id, _, first = await auth.new_user()
    second = (await auth.refresh(first["refresh"])).body
    await _let_pass(auth, 6)

    answer = await auth.refresh(first["refresh"])

    assert (answer.status, answer.code) == (401, "invalid_token")
    assert (await auth.refresh(second["refresh"])).status == 401
    [row] = await auth.sql("SELECT ended_at FROM token_families WHERE user_id = :id", id=user_id)
    assert row.ended_at is not None


async def test_other_log_ins_of_the_user_go_on(auth: Auth) -> None:
    _, name, first = await auth.new_user()
    elsewhere = (await auth.log_in(name)).body
    await auth.refresh(first["refresh"])
    await _let_pass(auth, 6)

    await auth.refresh(first["refresh"])

    assert (await auth.refresh(elsewhere["refresh"])).status == 200


async def test_an_expired_one_is_refused_by_the_databases_clock(auth: Auth) -> None:
    user_id, _, tokens = await auth.new_user()
    await auth.sql(
        "UPDATE refresh_tokens SET expires_at = now() FROM token_families"
        " WHERE family_id = token_families.id AND user_id = :id",
        id=user_id,
    )

    assert (await auth.refresh(tokens["refresh"])).status == 401


async def test_a_disabled_users_is_refused(auth: Auth) -> None:
    user_id, _, tokens = await auth.new_user()
    await auth.sql("UPDATE users SET is_active = false WHERE id = :id", id=user_id)

    assert (await auth.refresh(tokens["refresh"])).status == 401


async def test_the_new_access_token_tells_the_new_role(auth: Auth) -> None:
    user_id, _, tokens = await auth.new_user()
    await auth.call("PATCH", f"/user/{user_id}", {"is_staff": True}, token=await auth.staff_token())
    assert (await auth.call("GET", "/user", token=tokens["access"])).status == 403

    promoted = (await auth.refresh(tokens["refresh"])).body["access"]

    assert (await auth.call("GET", "/user", token=promoted)).status == 200


async def test_an_access_token_is_no_refresh_token_nor_the_reverse(auth: Auth) -> None:
    _, _, tokens = await auth.new_user()

    assert (await auth.refresh(tokens["access"])).status == 401
    assert (await auth.call("GET", "/current_user", token=tokens["refresh"])).status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"refresh": "rubbish"}, 401),
        ({"refresh": "\ud800"}, 422),
        ({"refresh": ""}, 422),
        ({"refresh": "a" * 100_000}, 422),
        ({"refresh": None}, 422),
        ({}, 422),
        ({"refresh": "rubbish", "is_staff": True}, 422),
    ],
)
async def test_rubbish_is_refused(auth: Auth, body: object, status: int) -> None:
    assert (await auth.call("POST", "/token/refresh", body, token="rubbish")).status == status
