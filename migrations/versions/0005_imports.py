"""Imports: what foreign files say is kept word for word, once per text, and files that were looked at are known again.

`payloads` are found by the SHA-256 of their bytes and lie compressed. `import_files` remembers a file by its place, size,
time and inode, so that an unchanged folder is passed over without opening a file. A run says when it was finished. Files
outside the image store are listed by an index of their own, as they have to be looked for on the disk.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "payloads",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_payloads"),
        sa.UniqueConstraint("digest", name="uq_payloads_digest"),
    )
    op.create_table(
        "entry_payloads",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("payload_id", sa.BigInteger(), nullable=False),
        sa.Column("raw_id", sa.BigInteger()),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_entry_payloads_entry_id"),
        sa.ForeignKeyConstraint(["payload_id"], ["payloads.id"], name="fk_entry_payloads_payload_id"),
        sa.ForeignKeyConstraint(["raw_id"], ["payloads.id"], name="fk_entry_payloads_raw_id"),
        sa.PrimaryKeyConstraint("entry_id", "position", name="pk_entry_payloads"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_entry_payloads_payload_id", "entry_payloads", ["payload_id"])
    op.create_index("ix_entry_payloads_raw_id", "entry_payloads", ["raw_id"])
    op.create_table(
        "import_folders",
        sa.Column("id", ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_import_folders"),
        sa.UniqueConstraint("path", name="uq_import_folders_path"),
    )
    op.create_table(
        "import_files",
        sa.Column("folder_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["folder_id"], ["import_folders.id"], name="fk_import_files_folder_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_import_files_entry_id"),
        sa.PrimaryKeyConstraint("folder_id", "name", name="pk_import_files"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_import_files_digest", "import_files", ["digest"])
    op.create_index("ix_import_files_entry_id", "import_files", ["entry_id"])
    op.create_index(
        "ix_blobs_elsewhere",
        "blobs",
        ["id"],
        sqlite_where=sa.text("location IS NOT NULL"),
        postgresql_where=sa.text("location IS NOT NULL"),
    )
    op.add_column("runs", sa.Column("finished", sa.BigInteger()))
