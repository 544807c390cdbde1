"""The `halls` table."""

from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, Table, Text

halls = Table(
    "halls",
    MetaData(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("row_count", Integer, nullable=False),
    # Of each row.
    Column("seat_count", Integer, nullable=False),
    # The `subjectversion` of the hall's latest event.
    Column("version", Integer, nullable=False, server_default="1"),
)
