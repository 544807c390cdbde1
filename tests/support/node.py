"""What the tests need from npm, by the machine's own npm, in a folder that goes with them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ticket-listener"
# AsyncAPI's own rules for a document.
SPECIFICATION = "@asyncapi/specs@6.11.1"


@pytest.fixture(scope="session")
def node_example() -> Iterator[Path]:
    """The example for Node, installed as its README says."""
    for program in ("node", "npm"):
        assert shutil.which(program), f"{program} is not installed: make programs"
    with TemporaryDirectory(prefix="cinema-node-") as folder:
        for name in ("package.json", "listener.mjs"):
            shutil.copy(EXAMPLE / name, folder)
        quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
        done = subprocess.run(
            ["npm", "install", *quiet, "--no-save", SPECIFICATION],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"npm install:\n{done.stdout}{done.stderr}"
        yield Path(folder)
