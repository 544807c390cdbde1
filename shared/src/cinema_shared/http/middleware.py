"""What happens around every request, as plain ASGI: BaseHTTPMiddleware breaks cancellation."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cinema_shared import context


class RequestContext:
    """Identifies the request, and serves paths with a trailing slash and HEAD like their twins."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = context.accept_request_id(headers.get("x-request-id"))
        context.request_id.set(request_id)
        context.traceparent.set(context.accept_traceparent(headers.get("traceparent")))

        # A copy: the server still sees HEAD, and so leaves the body out by itself.
        inner = dict(scope)
        if len(scope["path"]) > 1 and scope["path"].endswith("/"):
            inner["path"] = scope["path"][:-1]
        if scope["method"] == "HEAD":
            inner["method"] = "GET"

        async def send_identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        await self.app(inner, receive, send_identified)
