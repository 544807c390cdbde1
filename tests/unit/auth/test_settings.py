from typing import Any

import pytest
from auth_service.settings import ApiSettings, MigrateSettings, WorkerSettings
from cryptography.fernet import Fernet
from pydantic import SecretStr, ValidationError

_DATABASE = "postgresql://auth:Xk2-made-up@db/auth"
_KEY = Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTH_DATABASE_URL", "AUTH_KEYS_SECRET", "STAFF_PASSWORD", "CINEMA_ENV"):
        monkeypatch.delenv(name, raising=False)


def _api(**changes: Any) -> ApiSettings:
    return ApiSettings(**({"auth_database_url": _DATABASE, "auth_keys_secret": _KEY} | changes))


def test_good_ones() -> None:
    settings = _api(cinema_env="production")

    assert settings.access_lifetime.total_seconds() == 900
    assert settings.refresh_lifetime.days == 14
    assert _KEY not in repr(settings)


@pytest.mark.parametrize("secret", ["", "changeme", "a" * 43 + "=", "A" * 44])
def test_a_default_or_empty_keys_secret(secret: str) -> None:
    with pytest.raises(ValidationError, match="32 random bytes") as caught:
        _api(auth_keys_secret=secret)

    assert not secret or secret not in str(caught.value)


def test_a_missing_one() -> None:
    with pytest.raises(ValidationError, match="auth_keys_secret"):
        ApiSettings(auth_database_url=_DATABASE)


@pytest.mark.parametrize("password", ["", "staff", "password1", "staffstaff1"])
def test_a_weak_staff_password(password: str) -> None:
    with pytest.raises(ValidationError, match="STAFF_PASSWORD: it ") as caught:
        MigrateSettings(
            auth_database_url=_DATABASE,
            auth_keys_secret=SecretStr(_KEY),
            staff_username="staffstaff",
            staff_password=SecretStr(password),
        )

    assert not password or repr(password) not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["amqp://guest:guest@mq", "amqp://mq:5672/", "amqp://cinema:@mq", "amqp://a:changeme@mq"]
)
def test_a_well_known_broker_account(url: str) -> None:
    settings: dict[str, Any] = {"auth_database_url": _DATABASE, "rabbitmq_url": url}

    assert WorkerSettings(**settings)
    with pytest.raises(ValidationError, match="RABBITMQ_URL has an empty or well-known password"):
        WorkerSettings(**settings, cinema_env="production")


def test_a_broker_account_of_its_own() -> None:
    url = "amqp://cinema:Lw83-made-up@mq"

    assert WorkerSettings(auth_database_url=_DATABASE, rabbitmq_url=url, cinema_env="production")
