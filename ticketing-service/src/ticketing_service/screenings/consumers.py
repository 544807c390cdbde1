"""What ticketing hears from catalog: news of sessions, and the wish to change one."""

from cinema_shared.database import Database
from cinema_shared.events.catalog import SessionData
from cinema_shared.events.commands import CloseScreening, CloseScreeningReply
from cinema_shared.events.envelope import Event
from cinema_shared.messaging import topology
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.screenings import service

REMOVED = "cinema.session.removed.v1"


async def on_session(transaction: AsyncConnection, event: Event) -> None:
    await service.apply(
        transaction,
        SessionData.model_validate(event.data),
        event.subjectversion,
        removed=event.type == REMOVED,
    )


def answer_commands(broker: RabbitBroker, database: Database) -> None:
    @broker.subscriber(
        RabbitQueue(topology.TICKETING_COMMANDS.name, declare=False),
        channel=Channel(prefetch_count=topology.TICKETING_COMMANDS.prefetch),
        ack_policy=AckPolicy.REJECT_ON_ERROR,
    )
    async def close_screening(command: CloseScreening) -> CloseScreeningReply:
        # The answer leaves after the commit: what catalog is told, holds.
        async with database.transaction() as transaction:
            outcome = await service.close(transaction, command.session, command.version)
        return CloseScreeningReply(outcome=outcome)
