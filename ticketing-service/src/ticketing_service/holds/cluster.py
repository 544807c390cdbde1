"""The client of a Redis Cluster, taught that one node's outage is no other's."""

from typing import Any

from redis._parsers import AsyncCommandsParser
from redis.asyncio import RedisCluster
from redis.exceptions import RedisError


class Cluster(RedisCluster):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands_parser = _Keys()
        self._failed: str | None = None

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        # Without the slots it would ask any node. Who knows them: not whoever failed last.
        await self.initialize(last_failed_node_name=self._failed)
        try:
            return await super().execute_command(*args, **kwargs)
        except RedisError as error:
            self._failed = getattr(error, "last_failed_node_name", self._failed)
            raise


class _Keys(AsyncCommandsParser):
    """Where a command's key is, without asking a node, which may be the one that is frozen.

    Of scripts the client knows by itself, and nothing else is sent but SET.
    """

    async def initialize(self, node: Any = None) -> None: ...

    async def get_keys(self, *args: Any) -> tuple[str, ...]:
        return (args[1],)
