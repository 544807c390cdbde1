import pytest
from auth_service.tokens.client import client_address
from starlette.requests import Request


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ([], "10.0.0.1"),
        (["192.0.2.1"], "192.0.2.1"),
        (["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
        (["198.51.100.1", "192.0.2.1"], "192.0.2.1"),
        (["2001:DB8::1"], "2001:db8::1"),
        (["192.0.2.1, rubbish"], "10.0.0.1"),
        ([""], "10.0.0.1"),
    ],
)
def test_the_last_address_counts(forwarded: list[str], expected: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    request = Request({"type": "http", "headers": headers, "client": ("10.0.0.1", 4711)})

    assert client_address(request) == expected
