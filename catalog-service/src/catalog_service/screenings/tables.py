"""The tables `screenings` and `tickets`, the copy of what ticketing has sold."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
)

from catalog_service.halls.tables import halls
from catalog_service.movies.tables import movies

# No two of these in one hall at a time: an exclusion constraint, `screenings_one_at_a_time`.
screenings = Table(
    "screenings",
    MetaData(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("hall_id", BigInteger, ForeignKey(halls.c.id), nullable=False),
    Column("movie_id", BigInteger, ForeignKey(movies.c.id), nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    # The end of the turnaround: from then on the hall is free.
    Column("busy_until", DateTime(timezone=True), nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    # The `subjectversion` of the latest event.
    Column("version", Integer, nullable=False, server_default="1"),
    # Somebody is changing it (`changes.py`).
    Column("change_id", Uuid),
    Column("change_started_at", DateTime(timezone=True)),
)

tickets = Table(
    "tickets",
    MetaData(),
    Column("ticket_id", BigInteger, primary_key=True, autoincrement=False),
    # No foreign key: ticketing's events and our own rows come and go on ways of their own.
    Column("screening_id", BigInteger, nullable=False),
    Column("row", Integer, nullable=False),
    Column("seat", Integer, nullable=False),
    # The ticket's `subjectversion`: what is older than the row changes nothing.
    Column("version", Integer, nullable=False),
    # Booked or paid. One that has ended keeps its row, so that no late event can revive it.
    Column("taken", Boolean, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
