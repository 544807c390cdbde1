"""Programmes in memory, and idempotency keys."""

from cinema_shared.migrations import execute

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute("""
    ALTER TABLE screenings ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();
    CREATE INDEX screenings_changed_at ON screenings (changed_at);
    CREATE INDEX screenings_starts_at ON screenings (starts_at);
    CREATE FUNCTION screenings_notify() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NOTIFY screenings;
        RETURN NULL;
    END $$;
    CREATE TRIGGER screenings_notify AFTER INSERT OR UPDATE ON screenings
        FOR EACH STATEMENT EXECUTE FUNCTION screenings_notify();

    CREATE TABLE idempotency_keys (
        user_id bigint NOT NULL,
        digest bytea NOT NULL,
        fingerprint bytea NOT NULL,
        status smallint NOT NULL,
        answer text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (user_id, digest)
    );
    CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
    """)


def downgrade() -> None:
    execute("""
    DROP TABLE idempotency_keys;
    DROP TRIGGER screenings_notify ON screenings;
    DROP FUNCTION screenings_notify();
    ALTER TABLE screenings DROP COLUMN changed_at;
    DROP INDEX screenings_starts_at;
    """)
