"""What is refused at the door."""

import pytest
from cinema_shared.problems import BadRequest
from gateway.headers import Head

from gateway import edge


@pytest.mark.parametrize(
    "path",
    [
        "/movie",
        "/movie/",
        "/movie/7/",
        "/.well-known/jwks.json",
        "/hold/Zx-9_a~",
        "/hold/caf%C3%A9",
        "/hold/a%20b",
        "/hold/a:b@c",
        "/hold/a..b",
        "/hold/..a",
    ],
)
def test_a_plain_path_passes(path: str) -> None:
    edge.check_target(path.encode(), b"", path.encode())


@pytest.mark.parametrize(
    "path",
    [
        "//movie",
        "/movie//",
        "//",
        "/movie//7",
        "/./movie",
        "/movie/.",
        "/movie/..",
        "/movie/../user/",
        "/%2e%2e/user/",
        "/movie/%2e",
        "/movie/.%2E/user",
        "/movie%2f7",
        "/movie/%2F",
        "/movie/7;a=b",
        "/movie/%3b",
        "/movie/%3B",
        "/movie\\7",
        "/movie/%5c",
        "/movie/%5C",
        "/movie/%00",
        "/movie/%0d%0aX:1",
        "/movie/%1f",
        "/movie/%7f",
        "/movie/%25%32%65",
        "/movie/%252e",
        "/movie/%",
        "/movie/%2",
        "/movie/%zz",
        "/movie/a b",
        "/movie/a\tb",
        "/movie/a\n",
        "/movie/<x>",
        '/movie/"',
        "/movie/é",
        "movie",
        "",
        "*",
    ],
)
def test_any_other_does_not(path: str) -> None:
    with pytest.raises(BadRequest):
        edge.check_target(path.encode(), b"", None)


@pytest.mark.parametrize(
    "target", ["http://elsewhere/movie/", "https://127.0.0.1/movie/", "movie:80", "/movie/#a", "*"]
)
def test_the_target_is_a_path_and_no_more(target: str) -> None:
    with pytest.raises(BadRequest):
        edge.check_target(b"/movie/", b"", target.encode())


@pytest.mark.parametrize("query", ["a=b&c=%00", "search=%C3%A9+x", "a=b?c/d;e|{}\"'", "%"])
def test_a_query_is_the_service_s_to_judge(query: str) -> None:
    edge.check_target(b"/movie/", query.encode(), None)


@pytest.mark.parametrize("query", ["a=b c", "a=\x00", "a=é", "a#b", "a=\x7f", "a\r\nb"])
def test_but_it_is_printable(query: str) -> None:
    with pytest.raises(BadRequest):
        edge.check_target(b"/movie/", query.encode(), None)


def test_the_target_is_bounded() -> None:
    edge.check_target(b"/movie/", b"a" * (edge.MAX_TARGET_BYTES - 7), None)
    with pytest.raises(edge.TargetTooLong):
        edge.check_target(b"/movie/", b"a" * edge.MAX_TARGET_BYTES, None)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "tickets.example", "gateway_1:80", "[::1]:8000", "localhost", "a.b."],
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    edge.check_head(Head([(b"host", host.encode())]), "1.1")


@pytest.mark.parametrize(
    "host",
    ["", "a/b", "a/../user", "user@a", "a b", "a,b", "a:b", "a:80:80", "http://a", "a?b", "a#b"],
)
def test_and_nothing_else(host: str) -> None:
    with pytest.raises(BadRequest):
        edge.check_head(Head([(b"host", host.encode())]), "1.1")


def test_a_host_is_needed() -> None:
    edge.check_head(Head([]), "1.0")
    with pytest.raises(BadRequest):
        edge.check_head(Head([]), "1.1")


@pytest.mark.parametrize(
    "name",
    ["authorization", "host", "content-length", "content-type", "idempotency-key"],
)
def test_what_decides_is_said_once(name: str) -> None:
    twice = [(name.encode(), b"1"), (name.encode(), b"1")]

    with pytest.raises(BadRequest, match=f"(?i)more than one {name}"):
        edge.check_head(Head([(b"host", b"a"), *twice]), "1.1")


def test_headers_are_bounded() -> None:
    def head(count: int, size: int) -> Head:
        return Head([(b"host", b"a"), *[(b"x-a", b"b" * size)] * count])

    edge.check_head(head(99, 1), "1.1")
    with pytest.raises(edge.HeadTooLarge):
        edge.check_head(head(100, 1), "1.1")
    with pytest.raises(edge.HeadTooLarge):
        edge.check_head(head(1, edge.MAX_HEAD_BYTES), "1.1")


def test_headers_are_text() -> None:
    edge.check_head(Head([(b"host", b"a"), (b"user-agent", "é".encode())]), "1.1")
    with pytest.raises(BadRequest):
        edge.check_head(Head([(b"host", b"a"), (b"user-agent", b"\xe9")]), "1.1")


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, 0),
        ({"content-length": "12"}, 12),
        ({"content-length": "1000000"}, 1_000_000),
        ({"transfer-encoding": "chunked"}, None),
        ({"transfer-encoding": "Chunked"}, None),
    ],
)
def test_how_long_the_body_is(headers: dict[str, str], length: int | None) -> None:
    assert edge.body_length(Head([(k.encode(), v.encode()) for k, v in headers.items()])) == length


@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "-1"},
        {"content-length": "+1"},
        {"content-length": "1e3"},
        {"content-length": ""},
        {"transfer-encoding": "gzip, chunked"},
        {"transfer-encoding": "identity"},
        {"transfer-encoding": "chunked", "content-length": "3"},
    ],
)
def test_a_length_that_may_be_read_in_two_ways_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        edge.body_length(Head([(k.encode(), v.encode()) for k, v in headers.items()]))


def test_a_large_body_is_refused_by_its_length() -> None:
    with pytest.raises(edge.BodyTooLarge):
        edge.body_length(Head([(b"content-length", b"1000001")]))
