"""Movies on the wire."""

from datetime import timedelta
from typing import Annotated

from cinema_shared.http.fields import Body, Duration, Name, View, clean_text
from cinema_shared.http.pages import PageQuery
from pydantic import AfterValidator, Field

from catalog_service.bodies import LEFT_OUT, Changes


def _sane(value: timedelta) -> timedelta:
    if not timedelta(0) < value <= timedelta(days=1):
        raise ValueError("a movie lasts longer than nothing, and a day at most")
    return value


MovieDuration = Annotated[Duration, AfterValidator(_sane)]


class NewMovie(Body):
    name: Name
    duration: MovieDuration


class MovieReplacement(Changes):
    name: Name
    duration: MovieDuration


class MovieChanges(Changes):
    name: Name = LEFT_OUT
    duration: MovieDuration = LEFT_OUT


class MovieView(View):
    id: int
    name: str
    duration: Duration


class MovieQuery(PageQuery):
    search: Annotated[
        str | None,
        AfterValidator(lambda text: text and clean_text(text)),
        Field(max_length=200, description="Part of the name, without regard to case"),
    ] = None
