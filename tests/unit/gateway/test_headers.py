"""What is forwarded of a client's headers, and returned of a service's."""

import pytest
from gateway.headers import Head, returned


def forwarded(*headers: tuple[str, str]) -> dict[str, str]:
    head = Head([(name.encode(), value.encode()) for name, value in headers])
    return {name.decode(): value.decode() for name, value in head.forward}


@pytest.mark.parametrize(
    "name",
    [
        "accept",
        "accept-encoding",
        "authorization",
        "content-type",
        "idempotency-key",
        "if-none-match",
        "tracestate",
        "user-agent",
        "x-custom",
    ],
)
def test_what_a_client_may_say_is_passed_on(name: str) -> None:
    assert forwarded((name, "v")) == {name: "v"}


@pytest.mark.parametrize(
    "name",
    [
        "x-user",
        "x-user-id",
        "x-userid",
        "x_user_id",
        "x-user_id",
        "x-roles",
        "x-role",
        "x-is-staff",
        "x-staff",
        "x-auth-request-user",
        "x-authenticated-user",
        "x-remote-user",
        "remote-user",
        "x-internal-token",
        "any_thing",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-user",
        "forwarded",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
        "proxy-authorization",
        "transfer-encoding",
        "expect",
        "host",
        "content-length",
        "x-request-id",
        "traceparent",
    ],
)
def test_what_is_not_a_client_s_to_say_is_not(name: str) -> None:
    assert forwarded((name, "v"), ("accept", "a")) == {"accept": "a"}


def test_a_header_of_the_connection_ends_with_it() -> None:
    sent = forwarded(
        ("connection", "close, X-One"), ("x-one", "1"), ("connection", "x-two"), ("x-two", "2")
    )

    assert sent == {}


def test_but_the_caller_does_not() -> None:
    sent = forwarded(
        ("connection", "authorization, accept"), ("authorization", "a"), ("accept", "b")
    )

    assert sent == {"authorization": "a"}


def test_a_service_s_headers_come_back_without_its_own_affairs() -> None:
    headers = {
        "Content-Type": "application/json",
        "ETag": '"1"',
        "Link": "</movie/?cursor=x>; rel=next",
        "Server": "uvicorn",
        "Date": "Tue, 24 Nov 2026 16:26:14 GMT",
        "X-Request-ID": "1",
        "X-Powered-By": "Python",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "Keep-Alive": "timeout=5",
        "Transfer-Encoding": "chunked",
    }

    pairs = returned(200, [(k.encode(), v.encode()) for k, v in headers.items()])

    assert [name for name, _ in pairs] == [b"content-type", b"etag", b"link"]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_no_length(status: int) -> None:
    assert returned(status, [(b"Content-Length", b"12"), (b"ETag", b"1")]) == [(b"etag", b"1")]
