"""The `idempotency_keys` table: final answers, stored in the transaction of their effect."""

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, SmallInteger, Table, Text, func

from ticketing_service.screenings.tables import metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # Of the key itself, and of method and path; no two users share one.
    Column("user_id", BigInteger, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    # Of the body: the same key with another body is refused.
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
