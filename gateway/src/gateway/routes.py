"""The one table: which path leads where, by which methods, and for whom.

What is not in it is not there: a service's own `internal/…`, `metrics` and `readyz` cannot be
reached from outside.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Final

from cinema_shared.problems import NotFound, Problem

AUTH: Final = "auth"
CATALOG: Final = "catalog"
TICKETING: Final = "ticketing"
# Answered by the gateway itself.
OWN: Final = "gateway"


class MethodNotAllowed(Problem):
    status: ClassVar[int] = 405
    code: ClassVar[str] = "method_not_allowed"
    detail = "This path does not know that method."

    def __init__(self, allow: str) -> None:
        super().__init__(headers={"Allow": allow})


@dataclass(frozen=True)
class Route:
    """One row. `{id}` in the pattern stands for any one segment."""

    pattern: str
    upstream: str
    anyone: str = ""
    user: str = ""
    # Logging in must be possible with an expired token at hand.
    checks_token: bool = True
    # Finishes what was begun, and so goes before what begins something.
    goes_first: bool = False
    needs_user: dict[str, bool] = field(init=False)
    allow: str = field(init=False)

    def __post_init__(self) -> None:
        methods = dict.fromkeys(self.anyone.split(), False) | dict.fromkeys(self.user.split(), True)
        if "GET" in methods:
            methods["HEAD"] = methods["GET"]
        object.__setattr__(self, "needs_user", methods)
        object.__setattr__(self, "allow", ", ".join(sorted(methods)))


TABLE: Final = (
    Route("register", AUTH, anyone="POST", checks_token=False),
    Route("token", AUTH, anyone="POST", checks_token=False),
    Route("token/refresh", AUTH, anyone="POST", checks_token=False),
    Route("token/revoke", AUTH, anyone="POST", checks_token=False),
    Route(".well-known/jwks.json", AUTH, anyone="GET"),
    Route("current_user", AUTH, user="GET"),
    Route("user", AUTH, user="GET"),
    Route("user/{id}", AUTH, user="GET PATCH"),
    Route("hall", CATALOG, anyone="GET", user="POST"),
    Route("hall/{id}", CATALOG, anyone="GET", user="PATCH DELETE"),
    Route("movie", CATALOG, anyone="GET", user="POST"),
    Route("movie/{id}", CATALOG, anyone="GET", user="PUT PATCH DELETE"),
    Route("session", CATALOG, anyone="GET", user="POST"),
    Route("session/{id}", CATALOG, anyone="GET", user="PUT PATCH DELETE"),
    Route("session/{id}/seats", TICKETING, anyone="GET"),
    Route("hold", TICKETING, user="POST"),
    Route("hold/{id}", TICKETING, user="GET PATCH DELETE", goes_first=True),
    Route("book", TICKETING, user="POST", goes_first=True),
    Route("ticket", TICKETING, user="GET"),
    Route("ticket/{id}", TICKETING, user="GET DELETE"),
    Route("pay/{id}", TICKETING, user="PATCH", goes_first=True),
    Route("ticket_status", TICKETING, anyone="GET"),
    Route("docs", OWN, anyone="GET"),
    Route("openapi.json", OWN, anyone="GET"),
    Route("livez", OWN, anyone="GET"),
    Route("readyz", OWN, anyone="GET"),
)


class _Node:
    """A place in the tree of segments: a look-up a segment, however long the table grows."""

    def __init__(self) -> None:
        self.named: dict[bytes, _Node] = {}
        self.any: _Node | None = None
        self.route: Route | None = None

    def grow(self, segment: str) -> "_Node":
        if segment == "{id}":
            self.any = self.any or _Node()
            return self.any
        return self.named.setdefault(segment.encode(), _Node())


def _plant(table: tuple[Route, ...]) -> _Node:
    root = _Node()
    for route in table:
        node = root
        for segment in route.pattern.split("/"):
            node = node.grow(segment)
        node.route = route
    return root


_ROOT: Final = _plant(TABLE)
_NOTHING: Final = "There is nothing at this path."


def find(path: bytes) -> Route:
    """The route of a path, byte for byte, with or without its trailing slash."""
    node = _ROOT
    for segment in path[1 : -1 if path.endswith(b"/") else None].split(b"/"):
        below = node.named.get(segment, node.any)
        if below is None:
            raise NotFound(_NOTHING)
        node = below
    if node.route is None:
        raise NotFound(_NOTHING)
    return node.route


def needs_user(route: Route, method: str) -> bool:
    """Whether this method is for those who are logged in; raise where it is for nobody."""
    needed = route.needs_user.get(method)
    if needed is None:
        raise MethodNotAllowed(route.allow)
    return needed
