"""Nothing but the answers of the contract, in their form and in time."""

from collections.abc import Iterator
from typing import Final

from tests.faults.checker.facts import Facts
from tests.faults.checker.violations import Violation
from tests.faults.history import Call

LONGEST_S: Final = 6.0

_KEY: Final = {(409, "idempotency_in_flight")}
_HOLD: Final = {(404, "not_found"), (404, "hold_not_found"), (410, "hold_expired")}
_TICKET: Final = {(404, "not_found"), (404, "ticket_not_found")}

ANSWERS: Final = {
    "hold": {
        (201, ""),
        (409, "seats_unavailable"),
        (409, "book_too_late_error"),
        (409, "hold_limit_exceeded"),
        *_KEY,
    },
    "show_hold": {(200, ""), *_HOLD},
    "extend": {(200, ""), *_HOLD},
    "release": {(204, ""), *_HOLD},
    "book": {(201, ""), (409, "wrong_seat_error"), (409, "book_too_late_error"), *_KEY},
    "book_hold": {(201, ""), *_HOLD, *_KEY},
    "pay": {
        (200, ""),
        (409, "already_paid_error"),
        (409, "ticket_ended"),
        (409, "book_too_late_error"),
        *_TICKET,
        *_KEY,
    },
    "cancel": {(204, ""), (409, "delete_paid_ticket_error"), (409, "ticket_ended"), *_TICKET},
    "tickets": {(200, "")},
    "programme": {(200, "")},
    "log_in": {(200, "")},
    # Asked for until it is there.
    "map": {(200, ""), (404, "session_not_found")},
    "new_movie": {(201, ""), (409, "name_taken")},
    "new_hall": {(201, ""), (409, "name_taken")},
    "new_session": {(201, ""), (409, "session_intersect_error"), (422, "session_time_error")},
}


def check(facts: Facts) -> Iterator[Violation]:
    for call in facts.history.calls:
        if wrong := list(_faults(call)):
            yield Violation("answer", "; ".join(wrong), [call])


def _faults(call: Call) -> Iterator[str]:
    yield from call.flaws
    if call.end - call.start > LONGEST_S:
        yield f"it took {call.end - call.start:.1f} s"
    if call.status == 503:
        if call.code != "service_unavailable":
            yield f"503 with the code {call.code!r}"
    elif call.status and (call.status, call.code) not in ANSWERS[call.action]:
        yield f"{call.status} {call.code} is no answer to {call.action}"
