"""Through the gateway, beside the same upstream asked directly and through nginx.

wrk asks, on one thread, so that on two cores the proxy has one to itself. One run after the other,
three rounds; the medians count.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.conftest import free_port

ROUNDS: Final = 3
SECONDS: Final = 6
CONNECTIONS: Final = 64
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_NGINX: Final = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  upstream service {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000; }}
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Way:
    """To the upstream: where wrk asks, and the processes whose CPU is the proxy's."""

    name: str
    url: str
    headers: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Figures:
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


@contextmanager
def process(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield started
    finally:
        started.terminate()
        started.wait()


@contextmanager
def ways() -> Iterator[list[Way]]:
    upstream, gateway, nginx = free_port(), free_port(), free_port()
    service = f"http://127.0.0.1:{upstream}"
    urls = dict.fromkeys(("AUTH_URL", "CATALOG_URL", "TICKETING_URL"), service)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cinema-bench-"))
        command = [sys.executable, "-m", "bench.upstream", str(upstream)]
        started = stack.enter_context(process(command))
        assert started.stdout
        token = ("Authorization: Bearer " + started.stdout.readline().strip(),)
        command = [sys.executable, "-m", "gateway", "api"]
        ours = stack.enter_context(
            process(command, PORT=str(gateway), LOG_LEVEL="ERROR", RATE_LIMITS="off", **urls)
        )
        found = [
            Way("direct", f"{service}/movie/"),
            Way("gateway, public", f"http://127.0.0.1:{gateway}/movie/", (), (ours.pid,)),
            Way("gateway, token", f"http://127.0.0.1:{gateway}/ticket/", token, (ours.pid,)),
        ]
        if program := shutil.which("nginx") or shutil.which("/usr/sbin/nginx"):
            configuration = Path(folder) / "nginx.conf"
            configuration.write_text(_NGINX.format(folder=folder, upstream=upstream, port=nginx))
            peer = stack.enter_context(process([program, "-p", folder, "-c", str(configuration)]))
            time.sleep(1)
            children = Path(f"/proc/{peer.pid}/task/{peer.pid}/children").read_text().split()
            pids = tuple(map(int, children))
            found.append(Way("nginx", f"http://127.0.0.1:{nginx}/movie/", (), pids))
        time.sleep(3)
        yield found


def measure(way: Way) -> Figures:
    headers = [part for header in way.headers for part in ("-H", header)]
    before, wall = _cpu_s(way.pids), time.monotonic()
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *headers, way.url],
        capture_output=True,
        text=True,
        check=True,
    )
    spent, wall = _cpu_s(way.pids) - before, time.monotonic() - wall
    if bad := re.search(r"Non-2xx.*", done.stdout):
        raise RuntimeError(f"{way.name}: {bad[0]}")
    rate = float(_found(r"Requests/sec:\s+([\d.]+)", done.stdout))
    requests = float(_found(r"(\d+) requests in", done.stdout))
    return Figures(
        rate,
        _ms(_found(r"50%\s+(\S+)", done.stdout)),
        _ms(_found(r"99%\s+(\S+)", done.stdout)),
        spent / requests * 1e6,
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"wrk said:\n{text}")
    return match[1]


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def _cpu_s(pids: tuple[int, ...]) -> float:
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS


def run() -> None:
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed here; make bench installs it")
    with ways() as found:
        figures: dict[str, list[Figures]] = {way.name: [] for way in found}
        for number in range(ROUNDS):
            for way in found:
                figures[way.name].append(measure(way))
                print(f"round {number + 1} of {ROUNDS}: {way.name}", flush=True)
    direct = statistics.median(one.rate for one in figures["direct"])
    print(f"\n{CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS} s, medians")
    print(f"  {'':16} {'a second':>9} {'of direct':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs':>8}")
    for name, all_of_it in figures.items():
        rate, p50, p99, cpu = (
            statistics.median(getattr(one, field) for one in all_of_it)
            for field in ("rate", "p50_ms", "p99_ms", "cpu_us")
        )
        print(f"  {name:16} {rate:9.0f} {rate / direct:9.0%} {p50:8.1f} {p99:8.1f} {cpu:8.0f}")
