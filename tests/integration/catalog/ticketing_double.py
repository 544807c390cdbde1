"""A double of ticketing: answers catalog's commands as it is told to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Self

from cinema_shared.events.commands import CloseScreening, CloseScreeningReply
from cinema_shared.messaging import topology
from cinema_shared.messaging.worker import make_broker
from faststream import AckPolicy
from faststream.rabbit import RabbitQueue

Outcome = Literal["closed", "has_tickets", "outdated"]


class TicketingDouble:
    def __init__(self, rabbitmq_url: str) -> None:
        self._broker = make_broker(rabbitmq_url, "ticketing-double")
        self.reset()

        @self._broker.subscriber(
            RabbitQueue(topology.TICKETING_COMMANDS.name, declare=False),
            ack_policy=AckPolicy.REJECT_ON_ERROR,
        )
        async def close_screening(command: CloseScreening) -> CloseScreeningReply:
            self.asked.append(command)
            await asyncio.sleep(self.delay)
            if self.meanwhile is not None:
                await self.meanwhile()
            return CloseScreeningReply(outcome=self.outcome)

    def reset(self) -> None:
        self.outcome: Outcome = "closed"
        self.delay = 0.0
        self.meanwhile: Callable[[], Awaitable[Any]] | None = None
        self.asked: list[CloseScreening] = []

    async def __aenter__(self) -> Self:
        await self._broker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._broker.stop()
