"""Whose address a request came from."""

from ipaddress import ip_address

from starlette.requests import Request


def client_address(request: Request) -> str:
    """The last that `X-Forwarded-For` names, which is what the gateway wrote; else the peer's."""
    for header in request.headers.getlist("x-forwarded-for")[-1:]:
        last = header.rpartition(",")[2].strip()
        try:
            return str(ip_address(last))
        except ValueError:
            break
    return request.client.host if request.client else "-"
