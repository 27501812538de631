"""The store: everything that a bank knows, in SQLite or PostgreSQL. The only importer of SQLAlchemy and Alembic."""

from seedbank.store.opened import BankInfo
from seedbank.store.store import Store

__all__ = ["BankInfo", "Store"]
