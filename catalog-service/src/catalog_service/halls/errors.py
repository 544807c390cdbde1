"""Why a change of the halls is refused."""

from cinema_shared.problems import Conflict, NotFound


class HallNotFound(NotFound):
    detail = "There is no such hall."


class HallNameTaken(Conflict):
    code = "name_taken"
    detail = "Another hall has this name."


class HallInUse(Conflict):
    code = "delete_change_error"
    detail = "This hall has sessions: it can be renamed, but neither removed nor rebuilt."
