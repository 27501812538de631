"""Runs migrations on the connection, and inside the transaction, that `seedbank.store.schema` gives.

Whoever may use a table of PostgreSQL may still use it when a migration has made it anew, and what a migration makes belongs to
whom the bank belongs to, whoever runs it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, text

HERE = "relkind = 'r' AND relnamespace = quote_ident(current_schema())::regnamespace"
GRANT = """
    SELECT relname, attname, pg_class.oid, format(
        'GRANT %%s ON %%I TO %%s%%s',
        concat(privilege_type, ' (' || quote_ident(attname) || ')'),
        relname,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END
    )
"""
GRANTS = f"""
    {GRANT} FROM pg_class CROSS JOIN (SELECT NULL::name AS attname) AS whole, aclexplode(relacl) WHERE {HERE}
    UNION ALL {GRANT} FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl) WHERE {HERE}
"""
"""(table, column or nothing, oid of the table, what grants it again) of each privilege."""
COLUMNS = f"SELECT relname, attname, pg_class.oid FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE {HERE}"
THERE = f"SELECT oid::regclass FROM pg_class WHERE relname = ANY (:names) AND {HERE} ORDER BY relname"
OWNER = f"SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE relname = 'alembic_version' AND {HERE}"


def take(connection: Connection) -> None:
    """Has all tables of the bank for itself before anything is changed.

    Taken one after the other while others hold some of them and want the next, one of the two would be ended as a deadlock.
    """
    if connection.dialect.name == "postgresql":
        names = [*context.config.attributes["tables"], "alembic_version"]
        there = connection.execute(text(THERE), {"names": names}).scalars().all()
        patience = context.config.attributes["patience"]
        if there:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{patience}'")
            connection.exec_driver_sql(f"LOCK TABLE {', '.join(there)} IN ACCESS EXCLUSIVE MODE")
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")


@contextmanager
def same_rights(connection: Connection) -> Iterator[None]:
    """Owner and privileges of the tables of PostgreSQL stay as they are."""
    if connection.dialect.name != "postgresql":
        yield
        return
    # Migrations read what the server says of tables; a server may be set to put every name of it into quotes.
    connection.exec_driver_sql("SET LOCAL quote_all_identifiers = off")
    if owner := connection.exec_driver_sql(OWNER).scalar():
        connection.exec_driver_sql(f"SET LOCAL ROLE {owner}")
    granted = connection.exec_driver_sql(GRANTS).all()
    yield
    columns = connection.exec_driver_sql(COLUMNS).all()
    tables = {table: oid for table, _, oid in columns}
    there = {(table, column) for table, column, _ in columns} | {(table, None) for table in tables}
    for table, column, oid, grant in granted:
        if (table, column) in there and tables[table] != oid:
            connection.exec_driver_sql(grant.replace("%", "%%"))


bank = context.config.attributes["connection"]
context.configure(
    connection=bank,
    target_metadata=context.config.attributes.get("metadata"),
    transactional_ddl=True,
    render_as_batch=True,
)
with same_rights(bank):
    take(bank)
    context.run_migrations()
