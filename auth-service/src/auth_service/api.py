"""The HTTP API of auth."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from cinema_shared.app import Process, create_app
from cinema_shared.database import Database, is_outage
from cinema_shared.periodic import every
from cinema_shared.tokens import Trust, Verifier
from fastapi import FastAPI

from auth_service.hashing import Hasher
from auth_service.resources import Resources
from auth_service.settings import ApiSettings
from auth_service.tokens.access import Signer
from auth_service.tokens.keyring import READ_EVERY_S, Keyring
from auth_service.tokens.revocations import OwnTrust
from auth_service.tokens.router import router as tokens
from auth_service.tokens.throttle import LoginThrottle
from auth_service.users.router import router as users

log = structlog.get_logger(__name__)


def create(settings: ApiSettings | None = None) -> FastAPI:
    settings = settings or ApiSettings()

    @asynccontextmanager
    async def start(process: Process) -> AsyncIterator[None]:
        database = Database(
            settings.auth_database_url,
            application="auth-api",
            pool_size=settings.database_pool_size,
        )
        hasher = Hasher(threads=settings.hash_threads, queue=settings.hash_queue)
        keyring = Keyring(database, settings.auth_keys_secret)
        trust = Trust(OwnTrust(database, keyring, settings.access_lifetime))
        issuer, audience = settings.token_issuer, settings.token_audience
        process.app.state.database = database
        process.app.state.verifier = Verifier(trust, issuer=issuer, audience=audience)
        process.app.state.resources = Resources(
            database=database,
            hasher=hasher,
            signer=Signer(keyring, issuer, audience, settings.access_lifetime),
            throttle=LoginThrottle(enabled=settings.rate_limits == "on"),
            access_lifetime=settings.access_lifetime,
            refresh_lifetime=settings.refresh_lifetime,
        )
        await _read_keys(keyring)
        process.checks["database"] = database.ping
        process.checks["keys"] = keyring.check
        process.checks["trust"] = trust.check
        process.run("keyring", every(READ_EVERY_S, "read_keys", keyring.read))
        process.run("revocations", trust.run())
        yield
        hasher.close()
        await database.close()

    return create_app("auth-api", settings, start=start, routers=[users, tokens])


async def _read_keys(keyring: Keyring) -> None:
    """With the wrong secret the process does not start; without a database it waits for one."""
    try:
        await keyring.read()
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("database_unavailable", error=repr(error))
