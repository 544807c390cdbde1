import pytest
from auth_service.users import names
from auth_service.users.schemas import Registration
from pydantic import ValidationError


@pytest.mark.parametrize(
    "username", ["a", "Greta.Garbo", "x@y+z-_", "élodie", "日本", "7", "a" * 150]
)
def test_allowed_usernames(username: str) -> None:
    assert names.allowed_username(username) == username


@pytest.mark.parametrize(
    "username", ["a b", "a/b", "a\0b", "a\n", "<b>", "a'b", "😀", "a\u200bb", "\ud800", "ﷺ" * 10]
)
def test_refused_usernames(username: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        names.allowed_username(username)


def test_equal_looking_usernames_are_spelled_the_same() -> None:
    assert names.allowed_username("e\u0301lodie") == "élodie"
    # As a Japanese keyboard writes them: twice as wide.
    assert (
        names.allowed_username("".join(chr(ord(letter) + 0xFEE0) for letter in "greta")) == "greta"
    )


@pytest.mark.parametrize(
    "email", ["a@b.at", "user@mail.ru", "first.last+tag@sub.example.com", "ü@köln.example"]
)
def test_allowed_emails(email: str) -> None:
    assert names.allowed_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "a",
        "@b.at",
        "a@b",
        "a@",
        "a@b..at",
        "a@-b.at",
        "a@b.at\nBcc: c@d.at",
        "a b@c.at",
        "a@b@c.at",
        "a@b.at ",
        "<a@b.at>",
        "a" * 65 + "@b.at",
    ],
)
def test_refused_emails(email: str) -> None:
    with pytest.raises(ValueError, match=r"email address|control characters"):
        names.allowed_email(email)


@pytest.mark.parametrize(
    ("one", "other"), [("Greta", "gRETA"), ("ÉLODIE", "élodie"), ("STRASSE", "straße")]
)
def test_the_same_but_for_case(one: str, other: str) -> None:
    assert names.key(one) == names.key(other)


def test_spaces_around_are_dropped_as_cinemapi_did() -> None:
    body = Registration(username=" greta ", email=" g@b.at ", password=" keeps them ")

    assert (body.username, body.email, body.password) == ("greta", "g@b.at", " keeps them ")


@pytest.mark.parametrize(
    "change",
    [
        {"is_staff": True},
        {"username": "a" * 151},
        {"email": "a" * 250 + "@b.at"},
        {"password": "with\0nul in it"},
        {"password": "line\nbreaks too"},
        {"password": 12345678},
        {"username": None},
    ],
)
def test_refused_bodies(change: dict[str, object]) -> None:
    body = {"username": "greta", "email": "g@b.at", "password": "quite all right"}

    with pytest.raises(ValidationError):
        Registration.model_validate(body | change)
