"""Why a session is refused."""

from cinema_shared.problems import Conflict, NotFound, ServiceUnavailable


class SessionNotFound(NotFound):
    code = "session_not_found"
    detail = "There is no such session."


class SessionIntersects(Conflict):
    code = "session_intersect_error"
    detail = "Another session is in this hall at that time, its turnaround counted."


class SessionHasTickets(Conflict):
    code = "delete_change_error"
    detail = "This session has booked or paid tickets: it can be neither changed nor removed."


class SessionBeingChanged(ServiceUnavailable):
    detail = "Somebody else is changing this session just now; try again in a second."


class TicketingUnavailable(ServiceUnavailable):
    detail = "Whether this session has tickets cannot be found out just now; try again shortly."
