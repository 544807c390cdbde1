import asyncio

import pytest

from tests.integration.auth.conftest import PASSWORD, Auth, new_name, running


async def test_an_account_is_made_and_shown(auth: Auth) -> None:
    answer = await auth.register("Greta", email="greta@example.com")

    assert answer.status == 201
    assert answer.body == {
        "id": answer.body["id"],
        "username": "Greta",
        "email": "greta@example.com",
    }


async def test_its_event_is_written_with_it(auth: Auth) -> None:
    user_id = (await auth.register("listened", email="l@example.com")).body["id"]

    [(event_type, event)] = await auth.events(user_id)

    assert event_type == "cinema.user.registered.v1"
    assert (event["source"], event["subjectversion"]) == ("/auth", 1)
    assert event["data"] == {
        "id": user_id,
        "username": "listened",
        "email": "l@example.com",
        "is_staff": False,
        "is_active": True,
    }


@pytest.mark.parametrize(
    ("username", "email"),
    [("ELSE.ZIEGLER", "other@example.com"), ("other", "Else@Example.COM")],
    ids=["user name", "email"],
)
async def test_an_account_is_known_without_regard_to_case(
    auth: Auth, username: str, email: str
) -> None:
    await auth.register("else.ziegler", email="else@example.com")

    answer = await auth.register(username, email=email)

    assert (answer.status, answer.code) == (409, "account_exists")


async def test_letters_beyond_ascii_are_folded_too(auth: Auth) -> None:
    assert (await auth.register("élodie", email="elodie@example.com")).status == 201
    assert (await auth.register("ÉLODIE", email="elodie2@example.com")).status == 409
    assert (await auth.log_in("Élodie")).status == 200


async def test_a_refused_account_leaves_no_event(auth: Auth) -> None:
    name = new_name()
    await auth.register(name)
    before = await auth.sql("SELECT count(*) FROM outbox")

    assert (await auth.register(name)).status == 409

    assert await auth.sql("SELECT count(*) FROM outbox") == before


@pytest.mark.parametrize("by", ["username", "email"])
async def test_of_many_at_once_one_gets_the_name(auth: Auth, by: str) -> None:
    for _ in range(10):
        names = [new_name() for _ in range(16)]
        same = {by: names[0] if by == "username" else f"{names[0]}@example.com"}

        answers = await asyncio.gather(
            *(
                auth.call(
                    "POST",
                    "/register/",
                    {"username": name, "email": f"{name}@example.com", "password": PASSWORD} | same,
                )
                for name in names
            )
        )

        assert sorted(answer.status for answer in answers) == [201] + 15 * [409]


async def test_nothing_can_be_slipped_in(auth: Auth) -> None:
    name = new_name()

    answer = await auth.register(name, is_staff=True)

    assert (answer.status, answer.code) == (422, "validation_error")
    assert await auth.sql("SELECT 1 FROM users WHERE username = :name", name=name) == []


@pytest.mark.parametrize(
    "password", ["password1", "PASSWORD1", "12345678901", "short1!", "x" * 129, "a" * 900_000]
)
async def test_a_weak_password_is_refused(auth: Auth, password: str) -> None:
    answer = await auth.register(password=password)

    assert (answer.status, answer.code) == (422, "validation_error")
    assert password not in str(answer.body)


async def test_the_hash_is_argon2id_at_full_cost(auth: Auth) -> None:
    user_id = (await auth.register(password="long enough, " * 4 + "64 letters")).body["id"]

    [row] = await auth.sql("SELECT password_hash FROM users WHERE id = :id", id=user_id)

    assert row.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_an_authorization_header_is_not_looked_at(auth: Auth) -> None:
    name = new_name()
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}

    answer = await auth.call("POST", "/register/", body, token="rubbish")

    assert answer.status == 201


async def test_more_than_the_queue_holds_are_sent_away(postgres_url: str) -> None:
    async with running(postgres_url, hash_threads=1, hash_queue=2) as auth:
        answers = await asyncio.gather(*(auth.register() for _ in range(40)))

    refused = [answer for answer in answers if answer.status != 201]
    assert refused
    assert {(answer.status, answer.code) for answer in refused} == {(503, "service_unavailable")}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
