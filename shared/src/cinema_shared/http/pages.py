"""Lists come in pages: `?limit=&cursor=`, and the next page in the `Link` header.

A cursor holds the sort key of the last row shown (keyset paging), so that a page costs the same
however far down it is, and rows made meanwhile neither repeat nor hide one.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from cinema_shared.problems import invalid

Row = TypeVar("Row")
Key = tuple[int, ...]


class PageQuery(BaseModel):
    """The query of a list; a list's own filters are added by inheriting."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=200)

    def after(self, parts: int) -> Key | None:
        """The key of the last row of the page before, or None for the first page."""
        if self.cursor is None:
            return None
        try:
            padded = self.cursor + "=" * (-len(self.cursor) % 4)
            key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (ValueError, binascii.Error, RecursionError):
            key = None
        if (
            not isinstance(key, list)
            or len(key) != parts
            or not all(type(part) is int and abs(part) < 2**63 for part in key)
        ):
            raise invalid("cursor", "take it from the Link header of the page before")
        return tuple(key)


def link_next(
    request: Request,
    response: Response,
    rows: Sequence[Row],
    limit: int,
    key: Callable[[Row], Key],
) -> Sequence[Row]:
    """Cut off the one row read beyond the page, and name the next page where there was one."""
    if len(rows) <= limit:
        return rows
    rows = rows[:limit]
    text = json.dumps(key(rows[-1]), separators=(",", ":")).encode()
    cursor = base64.urlsafe_b64encode(text).rstrip(b"=").decode()
    query = [(k, v) for k, v in parse_qsl(request.url.query) if k != "cursor"]
    path = request.url.path.rstrip("/") + "/"
    response.headers["Link"] = f'<{path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'
    return rows
