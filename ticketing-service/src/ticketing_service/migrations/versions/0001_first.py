"""Screenings, tickets, outbox, inbox."""

from cinema_shared import inbox, outbox
from cinema_shared.migrations import execute

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute("""
    CREATE TABLE screenings (
        id bigint PRIMARY KEY,
        version integer NOT NULL,
        state text NOT NULL CHECK (state IN ('on_sale', 'closed', 'removed')),
        hall_id bigint NOT NULL,
        hall_name text NOT NULL,
        row_count integer NOT NULL,
        seat_count integer NOT NULL,
        movie_id bigint NOT NULL,
        movie_name text NOT NULL,
        starts_at timestamptz NOT NULL,
        price_minor bigint NOT NULL CHECK (price_minor >= 0),
        currency text NOT NULL
    );
    CREATE TABLE tickets (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        screening_id bigint NOT NULL REFERENCES screenings (id),
        user_id bigint NOT NULL,
        row_no integer NOT NULL CHECK (row_no > 0),
        seat_no integer NOT NULL CHECK (seat_no > 0),
        status smallint NOT NULL CHECK (status BETWEEN 1 AND 4),
        price_minor bigint NOT NULL CHECK (price_minor >= 0),
        version integer NOT NULL,
        booked_at timestamptz NOT NULL,
        paid_at timestamptz,
        ended_at timestamptz,
        CHECK ((status = 2) = (paid_at IS NOT NULL)),
        CHECK ((status IN (3, 4)) = (ended_at IS NOT NULL))
    );
    -- Who owns a seat is decided here and nowhere else.
    CREATE UNIQUE INDEX tickets_one_live_per_seat ON tickets (screening_id, row_no, seat_no)
        WHERE status IN (1, 2);
    CREATE INDEX tickets_by_user ON tickets (user_id, id);
    CREATE INDEX tickets_by_screening ON tickets (screening_id, id);
    CREATE INDEX tickets_unpaid ON tickets (screening_id) WHERE status = 1;
    """)
    execute(outbox.DDL)
    execute(inbox.DDL)


def downgrade() -> None:
    execute("""
    DROP TABLE tickets, screenings, outbox, inbox;
    DROP FUNCTION outbox_notify();
    """)
