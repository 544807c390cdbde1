"""Catalog's copy of ticketing's tickets (`seats.py`) made anew."""

from collections.abc import Sequence

from cinema_shared.copies.rebuild import Copy, Row
from cinema_shared.events.envelope import Event
from cinema_shared.events.snapshots import NextPage, TicketPage
from cinema_shared.events.ticketing import TicketData
from cinema_shared.messaging import topology
from cinema_shared.messaging.commands import CommandClient

_ASK_TIMEOUT_S = 5.0
_LIVE = ("booked", "paid")


def _of_event(event: Event) -> Row:
    ticket = TicketData.model_validate(event.data)
    return (
        ticket.id,
        ticket.session,
        ticket.row,
        ticket.seat,
        event.subjectversion,
        ticket.status in _LIVE,
        event.time,
    )


async def _page_after(commands: CommandClient, after: int) -> Sequence[Row]:
    page = await commands.ask(
        topology.TICKETING_SNAPSHOTS.name,
        NextPage(after=after),
        TicketPage,
        timeout=_ASK_TIMEOUT_S,
    )
    return [
        (
            ticket.id,
            ticket.session,
            ticket.row,
            ticket.seat,
            ticket.version,
            ticket.status in _LIVE,
            ticket.changed_at,
        )
        for ticket in page.tickets
    ]


# One that has ended has a row only so that no late event revives it: for the days in which one
# might (`seats.forget_ended`). Such a row that is not needed is no difference.
TICKETS = Copy(
    table="tickets",
    owner="ticketing",
    rows="tickets",
    routing_keys="ticket.",
    heard="""
    CREATE TEMP TABLE heard (
        ticket_id bigint, screening_id bigint, "row" integer, seat integer,
        version integer, taken boolean, changed_at timestamptz
    )
    """,
    truth=(
        """
        CREATE TEMP TABLE truth ON COMMIT DROP AS
        SELECT * FROM (
            SELECT DISTINCT ON (ticket_id) * FROM heard ORDER BY ticket_id, version DESC
        ) newest
        WHERE taken OR changed_at > now() - interval '30 days'
        """,
        "ALTER TABLE truth ADD PRIMARY KEY (ticket_id)",
        "ANALYZE truth",
    ),
    compare="""
    SELECT
        count(mine.ticket_id) AS rows,
        count(*) FILTER (WHERE mine.ticket_id IS NULL) AS missing,
        count(*) FILTER (WHERE truth.ticket_id IS NULL AND mine.taken) AS surplus,
        count(*) FILTER (
            WHERE (mine.screening_id, mine."row", mine.seat, mine.version, mine.taken)
                <> (truth.screening_id, truth."row", truth.seat, truth.version, truth.taken)
        ) AS differing,
        0 AS left_alone
    FROM tickets mine FULL JOIN truth USING (ticket_id)
    """,
    repair=(
        """
        DELETE FROM tickets
        WHERE taken AND NOT EXISTS (SELECT FROM truth WHERE truth.ticket_id = tickets.ticket_id)
        """,
        """
        INSERT INTO tickets (ticket_id, screening_id, "row", seat, version, taken, changed_at)
        SELECT ticket_id, screening_id, "row", seat, version, taken, changed_at FROM truth
        ON CONFLICT (ticket_id) DO UPDATE SET
            screening_id = excluded.screening_id, "row" = excluded."row", seat = excluded.seat,
            version = excluded.version, taken = excluded.taken, changed_at = excluded.changed_at
        WHERE (tickets.screening_id, tickets."row", tickets.seat, tickets.version, tickets.taken)
            <> (excluded.screening_id, excluded."row", excluded.seat,
                excluded.version, excluded.taken)
        """,
    ),
    of_event=_of_event,
    page_after=_page_after,
)
