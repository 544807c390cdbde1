"""A Redis Cluster of three nodes, as processes of this machine."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from tests.e2e.conftest import free_port

NODES: Final = 3
_SLOTS: Final = 16384
# Not full coverage: the slots of a node that is away are away, and no others.
_CONFIGURATION: Final = """\
bind 127.0.0.1
port {port}
cluster-port {bus}
dir "{folder}"
cluster-enabled yes
cluster-node-timeout 2000
cluster-require-full-coverage no
save ""
appendonly no
"""


@dataclass
class Node:
    port: int
    bus: int
    folder: Path
    slots: range
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        server = shutil.which("redis-server") or shutil.which("valkey-server")
        assert server, "no redis-server is installed here"
        self.folder.mkdir(exist_ok=True)
        file = self.folder / "redis.conf"
        file.write_text(_CONFIGURATION.format(port=self.port, bus=self.bus, folder=self.folder))
        self.process = subprocess.Popen([server, str(file)], stdout=subprocess.DEVNULL)

    def send(self, number: signal.Signals) -> None:
        assert self.process
        os.kill(self.process.pid, number)
        if number == signal.SIGKILL:
            self.process.wait()

    def client(self) -> Any:
        return Redis(port=self.port, decode_responses=True, socket_timeout=2)


@dataclass
class Cluster:
    nodes: list[Node]

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def node_of(self, session: int) -> Node:
        slot = key_slot(f"session:{session}".encode())
        return next(node for node in self.nodes if slot in node.slots)

    async def whole(self) -> None:
        """All nodes know all nodes, and that all slots are served."""
        for node in self.nodes:
            async with node.client() as client:
                while not await _knows_all(client):
                    await asyncio.sleep(0.05)


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    share = _SLOTS // NODES + 1
    nodes = [
        Node(
            free_port(),
            free_port(),
            folder / str(number),
            range(number * share, min((number + 1) * share, _SLOTS)),
        )
        for number in range(NODES)
    ]
    try:
        for node in nodes:
            node.start()
        for number, node in enumerate(nodes):
            async with node.client() as client:
                while not await _answers(client):
                    await asyncio.sleep(0.05)
                first, last = node.slots[0], node.slots[-1]
                await client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                # Two nodes with the same epoch would first have to agree.
                await client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        async with nodes[0].client() as client:
            for node in nodes[1:]:
                await client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus)
        made = Cluster(nodes)
        async with asyncio.timeout(30):
            await made.whole()
        yield made
    finally:
        for node in nodes:
            if node.process:
                node.send(signal.SIGKILL)


async def _answers(client: Any) -> bool:
    with suppress(RedisError):
        return bool(await client.ping())
    return False


async def _knows_all(client: Any) -> bool:
    wanted = ("cluster_state:ok", f"cluster_slots_ok:{_SLOTS}", f"cluster_known_nodes:{NODES}")
    with suppress(RedisError):
        info = str(await client.execute_command("CLUSTER", "INFO"))
        return all(line in info for line in wanted)
    return False
