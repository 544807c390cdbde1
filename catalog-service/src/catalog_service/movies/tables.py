"""The `movies` table."""

from sqlalchemy import BigInteger, Column, Identity, Integer, Interval, MetaData, Table, Text

movies = Table(
    "movies",
    MetaData(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("duration", Interval, nullable=False),
    # The `subjectversion` of the movie's latest event.
    Column("version", Integer, nullable=False, server_default="1"),
)
