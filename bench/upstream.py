"""A service that does nothing: an answer of 200 bytes to whatever it is asked. And auth's keys.

python -m bench.upstream 8001
"""

import asyncio
import json
import sys

import uvicorn
from starlette.types import Receive, Scope, Send

from tests.support.tokens import Issuer

_BODY = b'{"padding":"%s"}' % (b"x" * 184)


async def application(issuer: Issuer, scope: Scope, _: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    body = _BODY
    if scope["path"] == "/.well-known/jwks.json":
        body = json.dumps({"keys": await issuer.keys()}).encode()
    elif scope["path"] == "/internal/revocations":
        body = (await issuer.revocations(None)).model_dump_json().encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    issuer = Issuer()
    print(issuer.token(1, is_staff=True), flush=True)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await application(issuer, scope, receive, send)

    config = uvicorn.Config(
        serve,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="error",
        access_log=False,
        timeout_keep_alive=75,
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
