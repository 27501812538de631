"""The store: everything that a bank knows, in SQLite or PostgreSQL. The only importer of SQLAlchemy and Alembic."""

from seedbank.store.store import BankInfo, Store

__all__ = ["BankInfo", "Store"]
