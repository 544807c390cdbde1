"""Halls, movies, screenings, the copy of the tickets, outbox and inbox."""

from cinema_shared import inbox, outbox
from cinema_shared.migrations import execute

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
-- Lets one GiST index compare a hall's number and a span of time. A trusted extension: the owner
-- of a database may create it.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE halls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    row_count integer NOT NULL CHECK (row_count > 0),
    seat_count integer NOT NULL CHECK (seat_count > 0),
    version integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX halls_name ON halls (lower(name));

CREATE TABLE movies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    duration interval NOT NULL CHECK (duration > interval '0'),
    version integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX movies_name ON movies (lower(name));

CREATE TABLE screenings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hall_id bigint NOT NULL REFERENCES halls,
    movie_id bigint NOT NULL REFERENCES movies,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    busy_until timestamptz NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    currency text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    change_id uuid,
    change_started_at timestamptz,
    CHECK (starts_at < ends_at AND ends_at <= busy_until),
    CHECK ((change_id IS NULL) = (change_started_at IS NULL)),
    -- One at a time in a hall, whatever two members of the staff do at once. The span's end is
    -- open: one may start in the moment in which the turnaround before it ends.
    CONSTRAINT screenings_one_at_a_time
        EXCLUDE USING gist (hall_id WITH =, tstzrange(starts_at, busy_until) WITH &&)
);
CREATE INDEX screenings_starts_at ON screenings (starts_at, id);
CREATE INDEX screenings_movie ON screenings (movie_id, starts_at, id);
CREATE INDEX screenings_hall ON screenings (hall_id, starts_at, id);
CREATE INDEX screenings_in_change ON screenings (change_started_at) WHERE change_id IS NOT NULL;

-- Ticketing's tickets as last heard of. No reference to screenings: their events are on their own
-- way. A ticket that has ended stays as its version alone, so that a late event cannot revive it.
CREATE TABLE tickets (
    ticket_id bigint PRIMARY KEY,
    screening_id bigint NOT NULL,
    "row" integer NOT NULL,
    seat integer NOT NULL,
    version integer NOT NULL,
    taken boolean NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tickets_taken ON tickets (screening_id, "row", seat) WHERE taken;
CREATE INDEX tickets_ended ON tickets (changed_at) WHERE NOT taken;
"""


def upgrade() -> None:
    execute(_TABLES)
    execute(outbox.DDL)
    execute(inbox.DDL)


def downgrade() -> None:
    # The extension stays: it may have been there before, for others.
    execute("""
    DROP TABLE inbox, outbox, tickets, screenings, movies, halls;
    DROP FUNCTION outbox_notify();
    """)
