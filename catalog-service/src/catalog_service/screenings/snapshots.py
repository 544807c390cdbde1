"""Telling others, on request, of all sessions as they are: for those who make their copy anew."""

from cinema_shared.database import Database
from cinema_shared.events.snapshots import NextPage, SessionPage, SessionState
from cinema_shared.messaging import topology
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from sqlalchemy import select

from catalog_service.screenings import announcements
from catalog_service.screenings.tables import screenings


def answer(broker: RabbitBroker, database: Database) -> None:
    @broker.subscriber(
        RabbitQueue(topology.CATALOG_SNAPSHOTS.name, declare=False),
        channel=Channel(prefetch_count=1),
        ack_policy=AckPolicy.REJECT_ON_ERROR,
    )
    async def sessions(wanted: NextPage) -> SessionPage:
        page = (
            select(screenings.c.id)
            .where(screenings.c.id > wanted.after)
            .order_by(screenings.c.id)
            .limit(wanted.limit)
        )
        async with database.transaction() as transaction:
            ids = (await transaction.scalars(page)).all()
            found = await announcements.snapshots(transaction, ids)
        return SessionPage(
            sessions=tuple(
                SessionState(
                    version=snapshot.version, changing=snapshot.changing, session=snapshot.session
                )
                for snapshot in found
            )
        )
