"""Who sent the inputs on which a shadow disagrees"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shadow_differences", sa.Column("sender", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("shadow_differences", "sender")
