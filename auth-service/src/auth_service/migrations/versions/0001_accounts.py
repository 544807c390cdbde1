"""Accounts, log-ins and their tokens, the keys that sign, and the outbox."""

from cinema_shared import outbox
from cinema_shared.migrations import execute

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL,
    username_key text NOT NULL CONSTRAINT users_username_key UNIQUE,
    email text NOT NULL,
    email_key text NOT NULL CONSTRAINT users_email_key UNIQUE,
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    is_staff boolean NOT NULL,
    is_active boolean NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz
);
-- Read each second by every process that verifies tokens.
CREATE INDEX users_changed_at ON users (changed_at) WHERE changed_at IS NOT NULL;
CREATE INDEX users_active_staff ON users (id) WHERE is_staff AND is_active;

CREATE TABLE token_families (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id bigint NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX token_families_living ON token_families (user_id) WHERE ended_at IS NULL;
-- Read each second, as above.
CREATE INDEX token_families_ended_at ON token_families (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE refresh_tokens (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    family_id uuid NOT NULL REFERENCES token_families ON DELETE CASCADE,
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    rotated_at timestamptz
);
CREATE INDEX refresh_tokens_family_id ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

CREATE TABLE login_attempts (
    subject bytea PRIMARY KEY,
    failed_at timestamptz[] NOT NULL,
    last_at timestamptz NOT NULL
);
CREATE INDEX login_attempts_last_at ON login_attempts (last_at);

CREATE TABLE signing_keys (
    kid text PRIMARY KEY,
    private_key bytea NOT NULL,
    public_jwk jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    active_from timestamptz NOT NULL,
    retired_at timestamptz
);
"""


def upgrade() -> None:
    execute(_TABLES)
    execute(outbox.DDL)


def downgrade() -> None:
    execute("DROP TABLE outbox; DROP FUNCTION outbox_notify();")
    execute("DROP TABLE signing_keys, login_attempts, refresh_tokens, token_families, users;")
