"""Ticketing's copy of catalog's programme made anew."""

from collections.abc import Sequence

from cinema_shared.copies.rebuild import Copy, Row
from cinema_shared.events.catalog import SessionData
from cinema_shared.events.envelope import Event
from cinema_shared.events.snapshots import NextPage, SessionPage
from cinema_shared.http.fields import parse_money
from cinema_shared.messaging import topology
from cinema_shared.messaging.commands import CommandClient

from ticketing_service.screenings.consumers import REMOVED

_ASK_TIMEOUT_S = 5.0


def _row(
    session: SessionData, version: int, *, removed: bool = False, changing: bool | None = None
) -> Row:
    return (
        session.id,
        version,
        "removed" if removed else "on_sale",
        session.hall.id,
        session.hall.name,
        session.hall.row_count,
        session.hall.seat_count,
        session.movie.id,
        session.movie.name,
        session.started_at,
        parse_money(session.price),
        session.currency,
        changing,
    )


def _of_event(event: Event) -> Row:
    session = SessionData.model_validate(event.data)
    return _row(session, event.subjectversion, removed=event.type == REMOVED)


async def _page_after(commands: CommandClient, after: int) -> Sequence[Row]:
    page = await commands.ask(
        topology.CATALOG_SNAPSHOTS.name, NextPage(after=after), SessionPage, timeout=_ASK_TIMEOUT_S
    )
    return [_row(state.session, state.version, changing=state.changing) for state in page.sessions]


# Bookings take FOR KEY SHARE on the rows, which neither the lock nor an UPDATE that leaves the key
# alone keeps waiting.
#
# Closed is a state that only ticketing knows (decision 4). It is kept while catalog is changing the
# session, as it may just have been promised; the event that ends the change reopens it. Where no
# change is under way, that event is on its way or was lost. One that has no row meanwhile is left
# alone: nobody can say whether it was promised to be closed.
#
# What catalog does not name is removed there, even if the log's last word says otherwise: the event
# is on its way. `changing` is null in what the log says.
SCREENINGS = Copy(
    table="screenings",
    owner="catalog",
    rows="sessions",
    routing_keys="session.",
    heard="""
    CREATE TEMP TABLE heard (
        id bigint, version integer, state text,
        hall_id bigint, hall_name text, row_count integer, seat_count integer,
        movie_id bigint, movie_name text, starts_at timestamptz, price_minor bigint, currency text,
        changing boolean
    )
    """,
    truth=(
        """
        CREATE TEMP TABLE truth ON COMMIT DROP AS
        SELECT
            id, newest.version,
            CASE
                WHEN NOT named THEN 'removed'
                WHEN changing AND mine.state = 'closed' THEN 'closed'
                ELSE newest.state
            END AS state,
            newest.hall_id, newest.hall_name, newest.row_count, newest.seat_count,
            newest.movie_id, newest.movie_name, newest.starts_at, newest.price_minor,
            newest.currency,
            coalesce(changing, false) AND mine.id IS NULL AS undecided
        FROM (
            SELECT DISTINCT ON (id)
                *, bool_or(changing IS NOT NULL) OVER (PARTITION BY id) AS named
            FROM heard ORDER BY id, version DESC, changing NULLS LAST
        ) newest
        LEFT JOIN screenings mine USING (id)
        """,
        "ALTER TABLE truth ADD PRIMARY KEY (id)",
        "ANALYZE truth",
    ),
    compare="""
    SELECT
        count(mine.id) AS rows,
        count(*) FILTER (WHERE mine.id IS NULL AND NOT undecided) AS missing,
        count(*) FILTER (WHERE truth.id IS NULL AND mine.state <> 'removed') AS surplus,
        count(*) FILTER (
            WHERE (mine.version, mine.state, mine.hall_id, mine.hall_name, mine.row_count,
                   mine.seat_count, mine.movie_id, mine.movie_name, mine.starts_at,
                   mine.price_minor, mine.currency)
                <> (truth.version, truth.state, truth.hall_id, truth.hall_name, truth.row_count,
                    truth.seat_count, truth.movie_id, truth.movie_name, truth.starts_at,
                    truth.price_minor, truth.currency)
        ) AS differing,
        count(*) FILTER (WHERE undecided) AS left_alone
    FROM screenings mine FULL JOIN truth USING (id)
    """,
    repair=(
        # Tickets may refer to it.
        """
        UPDATE screenings SET state = 'removed', changed_at = clock_timestamp()
        WHERE state <> 'removed'
            AND NOT EXISTS (SELECT FROM truth WHERE truth.id = screenings.id)
        """,
        """
        INSERT INTO screenings (
            id, version, state, hall_id, hall_name, row_count, seat_count,
            movie_id, movie_name, starts_at, price_minor, currency, changed_at
        )
        SELECT
            id, version, state, hall_id, hall_name, row_count, seat_count,
            movie_id, movie_name, starts_at, price_minor, currency, clock_timestamp()
        FROM truth WHERE NOT undecided
        ON CONFLICT (id) DO UPDATE SET
            version = excluded.version, state = excluded.state,
            hall_id = excluded.hall_id, hall_name = excluded.hall_name,
            row_count = excluded.row_count, seat_count = excluded.seat_count,
            movie_id = excluded.movie_id, movie_name = excluded.movie_name,
            starts_at = excluded.starts_at, price_minor = excluded.price_minor,
            currency = excluded.currency, changed_at = excluded.changed_at
        WHERE (screenings.version, screenings.state, screenings.hall_id, screenings.hall_name,
               screenings.row_count, screenings.seat_count, screenings.movie_id,
               screenings.movie_name, screenings.starts_at, screenings.price_minor,
               screenings.currency)
            <> (excluded.version, excluded.state, excluded.hall_id, excluded.hall_name,
                excluded.row_count, excluded.seat_count, excluded.movie_id,
                excluded.movie_name, excluded.starts_at, excluded.price_minor,
                excluded.currency)
        """,
    ),
    of_event=_of_event,
    page_after=_page_after,
)
