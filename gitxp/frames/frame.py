"""A table by columns, each with one type: what every library for tables takes, and what none of them has to be there for.

Parameters may be of different types in different runs, and files of columns know one type a column: so a column is of
the narrowest that all its values have, and text where they have none in common.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import FormatError, GitxpError
from gitxp.format import as_float, bounded, clean_text, parse_time
from gitxp.render.words import exact_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas
    import polars
    import pyarrow

BOOL, INT, FLOAT, TEXT, TIME, TEXTS = "bool", "int", "float", "text", "time", "texts"


class Column(NamedTuple):
    """Values of one type, None where there is none. `kind` is bool, int, float, text, time (`datetime` in UTC) or texts (lists)."""

    kind: str
    values: Sequence[Any]


class MissingLibrary(GitxpError):
    """A library that is asked for is not installed."""


class Frame:
    """Columns of one length, by name, in order."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = dict(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())).values) if self.columns else 0

    def __getitem__(self, name: str) -> Sequence[Any]:
        """The values of a column. `KeyError` where there is none of this name."""
        return self.columns[name].values

    def __repr__(self) -> str:
        return f"<Frame: {len(self):,} rows, columns {', '.join(self.columns)}>"

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows from top to bottom, values in the order of the columns."""
        return zip(*(column.values for column in self.columns.values()), strict=True)

    def to_pandas(self) -> pandas.DataFrame:
        """A `pandas.DataFrame`. Missing: `NaN` in floats, `NaT` in times, `NA` elsewhere. `MissingLibrary` without pandas."""
        library = _load("pandas")
        types = {BOOL: "boolean", INT: "Int64", FLOAT: "float64", TEXT: "object", TEXTS: "object"}
        columns = {}
        for name, (kind, values) in self.columns.items():
            if kind == TIME:
                columns[name] = library.Series(library.to_datetime(list(values), utc=True))
            else:
                columns[name] = library.Series(_items(kind, values), dtype=types[kind])
        return library.DataFrame(columns)

    def to_polars(self) -> polars.DataFrame:
        """A `polars.DataFrame`; missing values are null. `MissingLibrary` without Polars."""
        library = _load("polars")
        types = {
            BOOL: library.Boolean,
            INT: library.Int64,
            FLOAT: library.Float64,
            TEXT: library.String,
            TIME: library.Datetime("us", "UTC"),
            TEXTS: library.List(library.String),
        }
        return library.DataFrame(
            [
                library.Series(name, _items(kind, values), dtype=types[kind])
                for name, (kind, values) in self.columns.items()
            ]
        )

    def to_arrow(self) -> pyarrow.Table:
        """A `pyarrow.Table`; missing values are null. `MissingLibrary` without pyarrow."""
        library = _load("pyarrow", "arrow")
        types = {
            BOOL: library.bool_(),
            INT: library.int64(),
            FLOAT: library.float64(),
            TEXT: library.string(),
            TIME: library.timestamp("us", tz="UTC"),
            TEXTS: library.list_(library.string()),
        }
        arrays = [library.array(_items(kind, values), type=types[kind]) for kind, values in self.columns.values()]
        return library.Table.from_arrays(arrays, names=list(self.columns))

    def parquet(self) -> bytes:
        """A Parquet file. `MissingLibrary` without pyarrow."""
        table = self.to_arrow()
        import pyarrow.parquet

        sink = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(table, sink)
        return bytes(sink.getvalue())


def _items(kind: str, values: Sequence[Any]) -> list[Any]:
    """The values as libraries take them; pyarrow refuses to round a whole number to a float by itself."""
    return [as_float(value) if isinstance(value, int) else value for value in values] if kind == FLOAT else list(values)


def column_of(values: Sequence[Any], *, rounded: bool = False) -> Column:
    """Values of records as a column of the narrowest type that all of them have; text where they have none in common.

    A whole number that no float is equal to, such as a seed of 64 bits, makes a column of floats text, unless it may be `rounded`.
    """
    kinds = {_kind_of(value) for value in values if value is not None}
    if FLOAT in kinds and kinds <= {INT, FLOAT} and (rounded or all(map(_is_float, values))):
        return Column(FLOAT, [None if value is None else as_float(value) for value in values])
    if len(kinds) == 1 and kinds <= {BOOL, INT}:
        return Column(kinds.pop(), values)
    return Column(TEXT, [None if value is None else clean_text(exact_text(value)) for value in values])


def time_column(values: Sequence[str | None]) -> Column:
    """Times of records (RFC 3339) as a column; None for what no calendar has."""
    return Column(TIME, [None if value is None else parse_datetime(value) for value in values])


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT if isinstance(bounded(value), int) else FLOAT
    if isinstance(value, float):
        return FLOAT
    return TEXT


def _is_float(value: Any) -> bool:
    return not isinstance(value, int) or as_float(value) == value


def parse_datetime(text: str) -> datetime | None:
    """A time of a record (RFC 3339) in UTC; None for what no calendar has."""
    try:
        return datetime.fromtimestamp(parse_time(text), UTC)
    except (FormatError, ValueError, OverflowError):
        return None


def _load(module: str, extra: str | None = None) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise MissingLibrary(f"{module} is not installed.", hint=f"pip install 'gitxp[{extra or module}]'") from None
