"""Why a change of the movies is refused."""

from cinema_shared.problems import Conflict, NotFound


class MovieNotFound(NotFound):
    detail = "There is no such movie."


class MovieNameTaken(Conflict):
    code = "name_taken"
    detail = "Another movie has this name."


class MovieInUse(Conflict):
    code = "delete_change_error"
    detail = (
        "This movie has sessions: it can be renamed, but not removed, nor its duration changed."
    )
