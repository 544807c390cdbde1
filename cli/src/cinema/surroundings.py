"""Where the suite is: settings from the environment, /run/secrets, or the checkout's .env."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from cinema_shared.settings import Settings
from dotenv import dotenv_values
from pydantic import ValidationError

from cinema.refusals import WrongUse

# Where this file is in a checkout. In a container it is nowhere, and has no .env.
_CHECKOUT = Path(__file__).parent / "../../.."

AnySettings = TypeVar("AnySettings", bound=Settings)


def env_file() -> Path:
    """As `make up` finds it."""
    return (_CHECKOUT / os.environ.get("CINEMA_ENV_FILE", ".env")).resolve()


def settings(kind: type[AnySettings]) -> AnySettings:
    try:
        return kind(_env_file=env_file())
    except ValidationError as error:
        names = sorted({str(item["loc"][0]).upper() for item in error.errors() if item["loc"]})
        raise WrongUse(
            f"{', '.join(names) or 'A setting'} is missing, or not usable. It is looked for in the"
            f" environment, in /run/secrets and in {env_file()}; `make up` writes that file."
        ) from None


def environment() -> Mapping[str, str]:
    """For a program that is called: the file's values, then our own environment."""
    file = {name: value for name, value in dotenv_values(env_file()).items() if value is not None}
    return file | os.environ
