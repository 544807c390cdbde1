"""The three halls that cinemapi came with."""

from alembic import op
from cinema_shared.events.catalog import SOURCE, HallData
from cinema_shared.events.envelope import event
from cinema_shared.outbox import outbox
from sqlalchemy import text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_HALLS = (("Red hall", 10, 30), ("Blue hall", 12, 30), ("White hall", 15, 30))


def upgrade() -> None:
    for name, row_count, seat_count in _HALLS:
        hall = (
            op.get_bind()
            .execute(
                text(
                    "INSERT INTO halls (name, row_count, seat_count)"
                    " VALUES (:name, :row_count, :seat_count)"
                    " RETURNING id, name, row_count, seat_count"
                ),
                {"name": name, "row_count": row_count, "seat_count": seat_count},
            )
            .one()
        )
        created = event(SOURCE, "hall.created", f"hall/{hall.id}", 1, HallData.model_validate(hall))
        op.bulk_insert(
            outbox,
            [
                {
                    "event_id": created.id,
                    "type": created.type,
                    "subject": created.subject,
                    "body": created.model_dump_json(exclude_none=True),
                }
            ],
        )


def downgrade() -> None:
    # Those that are in use go with their table, one revision further down.
    op.get_bind().execute(
        text(
            "DELETE FROM halls WHERE name = ANY(:names)"
            " AND NOT EXISTS (SELECT FROM screenings WHERE hall_id = halls.id)"
        ),
        {"names": [name for name, *_ in _HALLS]},
    )
