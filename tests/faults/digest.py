"""Reads an answer: how it ended, its code, what of its body matters, and what is wrong with it."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from tests.faults.history import Call

# Somebody on the way could not do it, or did not hear that it was done.
_UNKNOWN = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}

Stamp = Callable[[str], float]


def read(call: Call, status: int, headers: Mapping[str, str], body: bytes, stamp: Stamp) -> None:
    """Fill in the call from the answer."""
    call.status = status
    if status in _UNKNOWN:
        call.outcome = "unknown"
    else:
        call.outcome = "ok" if status < 400 else "refused"
    if status == HTTPStatus.SERVICE_UNAVAILABLE and not headers.get("Retry-After", "").isdigit():
        call.flaws.append("503 without Retry-After")
    try:
        content = json.loads(body) if body else None
    except ValueError:
        call.flaws.append(f"not JSON: {body[:80]!r}")
        return
    if status < 400:
        call.answer = _matters(call.action, content, stamp)
        return
    if headers.get("Content-Type", "") != "application/problem+json":
        call.flaws.append(f"a refusal of type {headers.get('Content-Type')}")
    if isinstance(content, dict):
        call.code = str(content.get("code", ""))
        call.answer = [[taken["row"], taken["seat"]] for taken in content.get("seats", [])]


def _matters(action: str, content: Any, stamp: Stamp) -> Any:
    match action:
        case "hold" | "extend" | "show_hold":
            seats = [[seat["row"], seat["seat"]] for seat in content["seats"]]
            return {
                "id": content["id"],
                "expires": stamp(content["expires_at"]),
                "seats": sorted(seats),
            }
        case "book" | "book_hold" | "pay" | "tickets":
            found = content if isinstance(content, list) else [content]
            return [_ticket(ticket, stamp) for ticket in found]
        case "map":
            return [
                [taken["row"], taken["seat"], taken["state"], bool(taken.get("mine"))]
                for taken in content["taken"]
            ]
        case "new_hall" | "new_movie" | "new_session":
            return content["id"]
        case "log_in":
            return content["access"]
    return None


def _ticket(ticket: Any, stamp: Stamp) -> dict[str, Any]:
    return {
        "id": ticket["id"],
        "user": ticket["user"],
        "session": ticket["session"],
        "seat": [ticket["row"], ticket["seat"]],
        "status": ticket["ticket_status"]["name"],
        "booked": stamp(ticket["booked_at"]),
    }
