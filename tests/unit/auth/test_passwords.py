import pytest
from auth_service import passwords
from auth_service.passwords import weakness
from cinema_shared.problems import Unprocessable
from zxcvbn.frequency_lists import FREQUENCY_LISTS


@pytest.mark.parametrize(
    "password",
    [
        "testing321",  # what cinemapi's own description registers with
        "correct horse battery staple",
        "x1y2z3w4" * 16,
        "пароль-на-кино",
        "        spaces        ",
    ],
)
def test_good_ones(password: str) -> None:
    assert weakness(password, "user", "user@mail.ru") is None


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("seven77", "8 to 128"),
        ("", "8 to 128"),
        ("x1" * 65, "8 to 128"),
        ("8675309867530", "digits alone"),
        ("٠١٢٣٤٥٦٧٨٩", "digits alone"),
        ("password1", "commonest"),
        ("PassWord1", "commonest"),
        ("Marlene.D", "too similar"),
        ("marlene.dietrich", "too similar"),
        ("marlene.dietrich1", "too similar"),
        ("dietrich@films", "too similar"),
        ("DIETRICH@FILMS.example", "too similar"),
    ],
)
def test_weak_ones(password: str, why: str) -> None:
    found = weakness(password, "marlene.dietrich", "dietrich@films.example")

    assert found is not None
    assert why in found


def test_a_short_name_may_be_part_of_a_password() -> None:
    assert weakness("anything at all", "any", "a@b.example") is None


def test_all_of_the_commonest() -> None:
    long_enough = [p for p in FREQUENCY_LISTS["passwords"][:10_000] if 8 <= len(p) <= 128]

    assert len(long_enough) > 1000
    assert not [p for p in long_enough if weakness(p, "user", "user@mail.ru") is None]


def test_the_refusal_names_the_field_and_not_the_password() -> None:
    with pytest.raises(Unprocessable) as caught:
        passwords.require_strong("password1", "user", "user@mail.ru")

    assert caught.value.extras["errors"][0]["field"] == "password"
    assert "password1" not in str(caught.value.extras)
