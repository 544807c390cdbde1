"""Why a ticket is refused."""

from cinema_shared.problems import Conflict, Forbidden, NotFound, ServiceUnavailable, Unprocessable


class SessionNotFound(NotFound):
    code = "session_not_found"
    detail = "There is no such session on sale."


class NoSuchSeat(Unprocessable):
    code = "wrong_seat_error"
    detail = "The hall has no such seat."


class SeatTaken(Conflict):
    code = "wrong_seat_error"
    detail = "This seat is taken; choose another."


class TooLate(Conflict):
    code = "book_too_late_error"
    detail = "It is too late to book or pay for this session."


class NotYourself(Forbidden):
    detail = "Only staff may book for another user."


class TicketNotFound(NotFound):
    detail = "There is no such ticket."


class TicketEnded(Conflict):
    code = "ticket_ended"
    detail = "This ticket was cancelled or has expired."


class AlreadyPaid(Conflict):
    code = "already_paid_error"
    detail = "This ticket is paid already."


class PaidCannotBeDeleted(Conflict):
    code = "delete_paid_ticket_error"
    detail = "A paid ticket cannot be cancelled."


class SessionBeingChanged(ServiceUnavailable):
    detail = "This session is being changed just now; try again in a second."


class LockLapsed(ServiceUnavailable):
    """The seat's lock ended before the database got to the booking."""

    detail = "The booking took too long, and was not made; try again."
