"""`python -m bench [case]`: one case, or all."""

import argparse
from collections.abc import Callable
from typing import Final

from bench import events, gateway

CASES: Final[dict[str, Callable[[], None]]] = {
    "events": events.run,
    "gateway": gateway.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description="What the suite costs.")
    parser.add_argument("case", nargs="?", choices=CASES)
    asked = parser.parse_args()
    for name in [asked.case] if asked.case else CASES:
        print(f"== {name}", flush=True)
        CASES[name]()


if __name__ == "__main__":
    main()
