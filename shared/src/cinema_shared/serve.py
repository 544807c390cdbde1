"""`python -m <service> api|worker|migrate`: one image, a few commands."""

import sys
from collections.abc import Callable, Mapping

import uvicorn

from cinema_shared.settings import Settings

# Requests in flight may finish; a stream that never ends may not keep the process.
_GRACE_S = 10


def serve(factory: str, settings: Settings) -> None:
    """Serve the application that `package.module:function` makes."""
    uvicorn.run(
        factory,
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        # Longer than the gateway keeps an idle connection: it never sends into a closing one.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_S,
    )


def dispatch(package: str, commands: Mapping[str, Callable[[], None]]) -> None:
    """Run the command named on the command line."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in commands:
        sys.exit(f"usage: python -m {package} {'|'.join(commands)}")
    commands[name]()
