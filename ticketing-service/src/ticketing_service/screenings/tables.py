"""The `screenings` table: one row a session of the programme, removed ones included."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text, func

metadata = MetaData()

screenings = Table(
    "screenings",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    # Catalog's `subjectversion`: what is older than the row changes nothing.
    Column("version", Integer, nullable=False),
    # on_sale | closed (catalog is about to change it) | removed
    Column("state", Text, nullable=False),
    Column("hall_id", BigInteger, nullable=False),
    Column("hall_name", Text, nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("seat_count", Integer, nullable=False),
    Column("movie_id", BigInteger, nullable=False),
    Column("movie_name", Text, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
