"""`migrate`: the schema, the first signing key and the first staff account."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import structlog
from cinema_shared import logs, migrations
from cinema_shared.database import Database

from auth_service.hashing import Hasher
from auth_service.settings import MigrateSettings
from auth_service.tokens import keyring
from auth_service.users import service as users

FOLDER: Final = Path(__file__).parent / "migrations"

log = structlog.get_logger(__name__)


def migrate(settings: MigrateSettings) -> None:
    """Safe to repeat, and to run twice at once."""
    logs.configure("auth-migrate", settings.log_format, settings.log_level)
    migrations.upgrade(FOLDER, settings.auth_database_url)
    try:
        asyncio.run(prepare(settings))
    except (keyring.WrongSecretError, users.AccountExists) as error:
        sys.exit(f"auth_service: {error}")


async def prepare(settings: MigrateSettings) -> None:
    """Make what must be there before anybody logs in."""
    database = Database(settings.auth_database_url, application="auth-migrate", pool_size=1)
    try:
        async with database.transaction() as transaction:
            await keyring.ensure_key(transaction, settings.auth_keys_secret)
        await keyring.Keyring(database, settings.auth_keys_secret).read()
        await _ensure_staff(database, settings)
    finally:
        await database.close()


async def _ensure_staff(database: Database, settings: MigrateSettings) -> None:
    """Its password is set once; what became of the account since is left as it is."""
    async with database.transaction() as transaction:
        known = await users.find_by_name(transaction, settings.staff_username)
    if known is not None:
        return
    hasher = Hasher(threads=1, queue=0)
    password_hash = await hasher.hash(settings.staff_password.get_secret_value())
    hasher.close()
    try:
        async with database.transaction() as transaction:
            await users.create(
                transaction,
                username=settings.staff_username,
                email=settings.staff_email,
                password_hash=password_hash,
                is_staff=True,
            )
    except users.AccountExists:
        # Another migration was faster, or the address belongs to somebody else.
        async with database.transaction() as transaction:
            if await users.find_by_name(transaction, settings.staff_username) is None:
                raise
    else:
        log.info("staff_account_made")
