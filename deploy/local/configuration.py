"""What supervisord reads: its own file, and two a program, the section and launch.py's plan."""

import configparser
import hashlib
import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from places import ROOT, Places, write_private
from program import Program

LAUNCH = ROOT / "deploy" / "local" / "launch.py"
SECONDS_TO_STOP = 15


def write_supervisor(places: Places, socket: Path) -> Path:
    file = places.run / "supervisord.conf"
    factory = "supervisor.rpcinterface:make_main_rpcinterface"
    root = {"user": "root"} if os.geteuid() == 0 else {}
    _write(
        file,
        {
            "supervisord": {
                "logfile": places.logs / "supervisord.log",
                "pidfile": places.run / "supervisord.pid",
                "childlogdir": places.logs,
                "silent": "true",
                **root,
            },
            "unix_http_server": {"file": socket, "chmod": "0700"},
            "rpcinterface:supervisor": {"supervisor.rpcinterface_factory": factory},
            "include": {"files": f"{places.programs.name}/*.conf"},
        },
    )
    return file


def write_program(places: Places, program: Program) -> None:
    plan = json.dumps(
        {
            "name": program.name,
            "url": program.url,
            "command": program.command,
            "directory": str(program.directory),
            "environment": program.whole_environment(places),
        },
        indent=1,
    )
    file = places.programs / f"{program.name}.json"
    write_private(file, plan)
    _write(
        file.with_suffix(".conf"),
        {
            f"program:{program.name}": {
                "command": shlex.join([sys.executable, "-I", str(LAUNCH), str(file)]),
                # supervisord restarts a program whose section changed: it must see the plan's.
                "environment": f'PLAN="{hashlib.sha256(plan.encode()).hexdigest()}"',
                "autorestart": "true",
                "startsecs": "0",  # no start ever counts as failed, so it never gives up
                "stopsignal": program.stop_signal,
                "stopwaitsecs": SECONDS_TO_STOP,
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": places.logs / f"{program.name}.log",
                "stdout_logfile_maxbytes": "10MB",
                "stdout_logfile_backups": "3",
            }
        },
    )


def forget_all_but(places: Places, names: set[str]) -> None:
    for file in places.programs.glob("*"):
        if file.stem not in names:
            file.unlink()


def urls(places: Places) -> dict[str, str]:
    plans = (json.loads(file.read_text()) for file in places.programs.glob("*.json"))
    return {plan["name"]: plan["url"] for plan in plans}


def _write(file: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    parser = configparser.RawConfigParser()
    for section, values in sections.items():
        parser[section] = {name: str(value).replace("%", "%%") for name, value in values.items()}
    with file.open("w") as out:
        parser.write(out)
