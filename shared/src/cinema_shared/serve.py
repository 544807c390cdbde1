"""`python -m <service> api|worker|migrate|…`: one image, a few commands."""

import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

import uvicorn
from pydantic import ValidationError

from cinema_shared.settings import Settings

# Requests in flight may finish; a stream that never ends may not keep the process.
_GRACE_S = 10


def serve(factory: str, settings: Settings, **options: Any) -> None:
    """Serve the application that `package.module:function` makes; `options` are uvicorn's."""
    ours: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "loop": "uvloop",
        "http": "httptools",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # Longer than the gateway keeps an idle connection: it never sends into a closing one.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": _GRACE_S,
    }
    uvicorn.run(factory, factory=True, **(ours | options))


def dispatch(
    package: str, commands: Mapping[str, Callable[[], None]], *, with_options: Collection[str] = ()
) -> None:
    """Run the command named on the command line; some read options of their own behind it."""
    name, *options = sys.argv[1:] or [""]
    if options and name not in with_options:
        name = ""
    if name not in commands:
        _refuse(f"usage: python -m {package} {'|'.join(commands)}")
    try:
        commands[name]()
    except ValidationError as error:
        _refuse(f"{package} {name}: the settings are not usable\n{_reasons(error)}")


def _refuse(why: str) -> NoReturn:
    """With the code that shells have for a wrong use; 1 is a command's own to give."""
    sys.stderr.write(f"{why}\n")
    sys.exit(2)


def _reasons(error: ValidationError) -> str:
    """One line a setting, by the name of its variable; never a value."""
    return "\n".join(
        ": ".join(
            [
                *(str(part).upper() for part in item["loc"][:1]),
                item["msg"].removeprefix("Value error, "),
            ]
        )
        for item in error.errors(include_input=False)
    )
