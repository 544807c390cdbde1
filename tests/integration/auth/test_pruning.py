from datetime import timedelta

from auth_service import pruning

from tests.integration.auth.conftest import Auth

_ACCESS = timedelta(minutes=15)


async def test_what_is_of_no_use_goes_and_the_rest_stays(auth: Auth) -> None:
    in_use, _, tokens = await auth.new_user()
    ended_lately, ended, expired = [(await auth.new_user())[0] for _ in range(3)]
    for user, age in ((ended_lately, timedelta(minutes=15)), (ended, timedelta(minutes=17))):
        await auth.sql(
            "UPDATE token_families SET ended_at = now() - :age WHERE user_id = :id",
            age=age,
            id=user,
        )
    await auth.sql(
        "UPDATE refresh_tokens SET expires_at = now() - interval '1 s' FROM token_families"
        " WHERE family_id = token_families.id AND user_id = :id",
        id=expired,
    )

    await pruning.prune(auth.database, _ACCESS)

    rows = await auth.sql("SELECT user_id FROM token_families")
    assert {in_use, ended_lately} <= {row.user_id for row in rows}
    assert not {ended, expired} & {row.user_id for row in rows}
    assert (await auth.refresh(tokens["refresh"])).status == 200


async def test_a_family_outlives_its_older_tokens(auth: Auth) -> None:
    _, _, first = await auth.new_user()
    second = (await auth.refresh(first["refresh"])).body
    await auth.sql("UPDATE refresh_tokens SET expires_at = now() WHERE rotated_at IS NOT NULL")

    await pruning.prune(auth.database, _ACCESS)

    assert await auth.sql("SELECT 1 FROM refresh_tokens WHERE rotated_at IS NOT NULL") == []
    assert (await auth.refresh(second["refresh"])).status == 200


async def test_it_works_through_more_than_a_batch(auth: Auth) -> None:
    user, _, _ = await auth.new_user()
    await auth.sql(
        "INSERT INTO token_families (user_id, ended_at)"
        " SELECT :user, now() - interval '1 day' FROM generate_series(1, 120)",
        user=user,
    )
    await auth.sql(
        "INSERT INTO login_attempts SELECT sha256(n::text::bytea), '{}', now() - interval '1 day'"
        " FROM generate_series(1, 1200) AS n"
    )

    await pruning.prune(auth.database, _ACCESS)

    assert len(await auth.sql("SELECT 1 FROM token_families WHERE user_id = :id", id=user)) == 1
    assert (
        await auth.sql("SELECT 1 FROM login_attempts WHERE last_at < now() - interval '1 h'") == []
    )


async def test_recent_failures_stay_known(auth: Auth) -> None:
    name = (await auth.register()).body["username"]
    for n in range(10):
        await auth.log_in(name, f"wrong {n}", address="198.51.100.8")

    await pruning.prune(auth.database, _ACCESS)

    assert (await auth.log_in(name, address="198.51.100.8")).status == 429
