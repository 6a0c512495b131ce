"""Reads an audit folder: the manifest, and SQL (DuckDB) over its Parquet parts without loading them."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError
from privacy_audit.store import journal
from privacy_audit.store import manifest as manifests
from privacy_audit.store.schema import SETTLED, TABLES, schema

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa


PACKS = "packs"


class Table:
    """One table of an audit, lazily: count it, iterate over it, filter it, or take it into pandas.

    Conditions are SQL of the person who holds the audit, over an in-memory view: there is nothing to inject into.
    """

    def __init__(self, folder: AuditFolder, name: str, condition: str = "TRUE") -> None:
        self._folder, self.name, self._condition = folder, name, condition

    def __len__(self) -> int:
        return int(self._folder.sql(f"SELECT count(*) FROM {self.name} WHERE {self._condition}")[0][0])  # noqa: S608

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with _sound_parts(self._folder.path):
            for batch in self._relation().to_arrow_reader(10_000):
                yield from batch.to_pylist()

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self):,} rows>"

    def where(self, condition: str) -> Table:
        """The rows that fulfil an SQL condition, such as "code = 'face' AND score > 0.5"."""
        return Table(self._folder, self.name, f"({self._condition}) AND ({condition})")

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        import pyarrow as pa

        with _sound_parts(self._folder.path):
            return pa.Table.from_batches(self._relation().to_arrow_reader(100_000), schema=schema(self.name))

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a DataFrame; maps become dicts."""
        frame: pd.DataFrame = self.to_arrow().to_pandas(maps_as_pydicts="strict")
        return frame

    def _relation(self) -> duckdb.DuckDBPyRelation:
        # A cursor of its own: while a result is read, its connection takes no other query
        return self._folder.connection.cursor().sql(f"SELECT * FROM {self.name} WHERE {self._condition}")  # noqa: S608


class AuditFolder:
    """An audit on disk. Opening it reads the manifest only, after a change that was interrupted is finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        journal.recover(path)
        self.manifest = manifests.read(path)
        self._connection: duckdb.DuckDBPyConnection | None = None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with the views samples, findings, failures, decisions and settled; offline and read-only.

        `gating` holds the decisions that a gate looks at: those that no baseline knows.
        """
        if self._connection is None:
            import duckdb

            connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
            connection.execute("SET threads TO 2")
            for table in (*TABLES, SETTLED):
                # "**" would also find parts of nested audits; one level is what scan writes
                parts = sorted(glob.escape(str(part)) for part in (self.path / table).glob("*.parquet"))
                if parts:
                    with _sound_parts(self.path):
                        connection.read_parquet(parts).create_view(table)
                else:
                    connection.from_arrow(schema(table).empty_table()).create_view(table)
            connection.execute("""
                CREATE VIEW gating AS SELECT * FROM decisions ANTI JOIN
                (SELECT sample_id, rule_id FROM settled WHERE how = 'baseline') USING (sample_id, rule_id)
            """)
            self._connection = connection
        return self._connection

    def packs(self) -> list[Path]:
        """The rule packs that decided, as files that can be loaded again."""
        return sorted((self.path / PACKS).glob("*.yaml"))

    def sql(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query over the views."""
        connection = self.connection
        with _sound_parts(self.path):
            return connection.execute(query, list(parameters)).fetchall()

    def table(self, name: str) -> Table:
        """One of the four tables."""
        return Table(self, name)


@contextlib.contextmanager
def _sound_parts(audit: Path) -> Iterator[None]:
    """DuckDB's complaint about a file, in plain words; those about a query are the affair of who wrote it."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if ".parquet" not in str(error):
            raise
        raise AuditError(f"a part of the audit {audit} is damaged or missing. Scan again.") from error
