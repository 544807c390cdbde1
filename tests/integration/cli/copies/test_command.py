"""A rebuild as an operator has it."""

import json

import pytest
from ticketing_service.tickets import snapshots

from tests.integration.cli.conftest import Cinema
from tests.integration.cli.copies.side import Side, damage
from tests.integration.cli.copies.tickets import DAMAGE, sell


async def test_the_command(
    cinema: Cinema, catalog: Side, ticketing: Side, capfd: pytest.CaptureFixture[str]
) -> None:
    await sell(ticketing, catalog)
    await damage(catalog, DAMAGE)
    url = {"CATALOG_DATABASE_URL": catalog.url}

    async def ended(*arguments: str, **settings: str) -> tuple[int, str, str]:
        code = (await cinema("events", "rebuild", "catalog", *arguments, **url | settings)).code
        return code, *capfd.readouterr()

    async with ticketing.answering(snapshots):
        # A log of another age is worth a warning, which is none of the output.
        code, out, err = await ended("--check", "--json", EVENT_LOG_MAX_AGE="9D")
        assert (code, json.loads(out.splitlines()[-1])["missing"]) == (1, 6), err
        assert "queue_kept_as_it_is" in err
        assert "queue_kept_as_it_is" not in out
        code, out, err = await ended()
        assert (code, "The copy was mended." in out) == (0, True), err
    code, out, err = await ended(RABBITMQ_URL="amqp://cinema:hush@127.0.0.1:1")
    assert (code, "Nothing was changed" in err, "hush" in out + err) == (3, True, False), err
    del url["CATALOG_DATABASE_URL"]
    code, out, err = await ended()
    assert (code, "CATALOG_DATABASE_URL: Field required" in err) == (2, True), err
