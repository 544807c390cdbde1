"""Write docs/asyncapi/ anew, unless that would break what is published."""

import sys

from contract import compatibility, documents, schemas


def main() -> None:
    breaks = compatibility.breaks(documents.published(), schemas.current())
    if breaks:
        sys.exit("\n".join(breaks))
    for path, text in documents.generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
