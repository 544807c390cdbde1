"""What happens around every request, as plain ASGI: BaseHTTPMiddleware breaks cancellation."""

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cinema_shared import context, problems

log = structlog.get_logger(__name__)


class RequestContext:
    """Identifies the request, and serves paths with a trailing slash and HEAD like their twins.

    What nobody foresaw ends here: logged once with its cause, and told as a plain 500.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes

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

        started = False

        async def send_identified(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                answer = MutableHeaders(scope=message)
                answer["X-Request-ID"] = request_id
                if message["status"] == 204:  # of no content there is no type
                    del answer["content-type"]
            await send(message)

        # FastAPI counts what is not declared, and would answer this one in plain text.
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_body_bytes:
            body = problems.body(413, "body_too_large", "The body is larger than 1 MB.")
            too_large = Response(body, 413, media_type=problems.MEDIA_TYPE)
            await too_large(inner, receive, send_identified)
            return
        try:
            await self.app(inner, receive, send_identified)
        except Exception:
            log.exception("unexpected_error", method=scope["method"], path=scope["path"])
            if started:
                raise
            body = problems.body(500, problems.Problem.code, problems.Problem.detail)
            await Response(body, 500, media_type=problems.MEDIA_TYPE)(
                inner, receive, send_identified
            )
