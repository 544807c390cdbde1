"""What an operator may write."""

import pytest
from gateway.settings import Address, Settings
from pydantic import ValidationError


def settings(**values: str) -> Settings:
    urls = {"auth_url": "http://a:1", "catalog_url": "http://c:2", "ticketing_url": "http://t:3"}
    return Settings.model_validate(urls | values)


def test_an_upstream_is_a_list_of_addresses() -> None:
    found = settings(ticketing_url="http://one:8001, http://[::1]:8002/,http://three")

    assert found.ticketing_url == (Address("one", 8001), Address("::1", 8002), Address("three", 80))
    assert [a.url for a in found.ticketing_url] == [
        "http://one:8001",
        "http://[::1]:8002",
        "http://three:80",
    ]


@pytest.mark.parametrize("url", ["", "ticketing:8000", "https://a", "http://a/path", "http://"])
def test_and_of_nothing_else(url: str) -> None:
    with pytest.raises(ValidationError):
        settings(ticketing_url=url)


def test_no_other_origin_by_default() -> None:
    assert settings().cors_origins == frozenset()


def test_origins_are_exact() -> None:
    found = settings(cors_origins="https://tickets.example,http://localhost:3000")

    assert found.cors_origins == {"https://tickets.example", "http://localhost:3000"}


@pytest.mark.parametrize("origin", ["*", "null", "tickets.example", "https://a/", "https://*.a"])
def test_a_wildcard_or_null_origin_stops_the_start(origin: str) -> None:
    with pytest.raises(ValidationError):
        settings(cors_origins=origin)


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AUTH_URL": "http://a:1",
        "CATALOG_URL": "http://c:2",
        "TICKETING_URL": "http://t:3,http://t:4",
        "CORS_ORIGINS": "https://x.example",
        "RATE_LIMITS": "off",
    }.items():
        monkeypatch.setenv(name, value)

    found = Settings()

    assert len(found.ticketing_url) == 2
    assert found.cors_origins == {"https://x.example"}
    assert found.rate_limits == "off"
