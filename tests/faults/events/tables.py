"""What the run writes down, beside the outbox and the inbox under proof."""

import asyncpg
from cinema_shared import inbox, outbox

SUBJECTS = 200

_DDL = f"""
CREATE TABLE subjects (id integer PRIMARY KEY, version integer NOT NULL);
INSERT INTO subjects SELECT n, 0 FROM generate_series(1, {SUBJECTS}) AS n;
-- Before the transaction, and on its own: what may never be heard of.
CREATE TABLE attempted (event_id uuid PRIMARY KEY);
-- In the transaction.
CREATE TABLE committed (event_id uuid PRIMARY KEY, subject text, version integer);
-- Nothing here keeps an effect from happening twice.
CREATE TABLE effects (event_id uuid);
"""


async def create(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(outbox.DDL + inbox.DDL + _DDL)
    finally:
        await connection.close()
