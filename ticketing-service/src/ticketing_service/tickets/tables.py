"""The `tickets` table."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    text,
)

from ticketing_service.screenings.tables import metadata, screenings

IS_LIVE = text("status IN (1, 2)")

tickets = Table(
    "tickets",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("screening_id", BigInteger, ForeignKey(screenings.c.id), nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("row_no", Integer, nullable=False),
    Column("seat_no", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False),
    Column("paid_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    # Who owns a seat is decided here and nowhere else.
    Index(
        "tickets_one_live_per_seat",
        "screening_id",
        "row_no",
        "seat_no",
        unique=True,
        postgresql_where=IS_LIVE,
    ),
    Index("tickets_by_user", "user_id", "id"),
    Index("tickets_by_screening", "screening_id", "id"),
    Index("tickets_unpaid", "screening_id", postgresql_where=text("status = 1")),
)
