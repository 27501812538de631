"""The store: everything that a bank knows, in SQLite or PostgreSQL. The only importer of SQLAlchemy and Alembic."""

from seedbank.store.query import EVERYTHING, Query, Range, Term, parse_query
from seedbank.store.store import BankInfo, Store, current_user

__all__ = ["EVERYTHING", "BankInfo", "Query", "Range", "Store", "Term", "current_user", "parse_query"]
