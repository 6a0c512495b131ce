"""Tables row by row: nothing lost, whatever the file looks like, and edits that leave every other row's bytes alone."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from privacy_audit.errors import SourceError
from privacy_audit.sources.encoding import NOT_UTF8
from privacy_audit.sources.tables import MAX_RECORD_BYTES, MAX_RECORD_LINES, Row, Table, open_table

quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
Make = Callable[..., Table]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a table and opens it."""

    def write(data: bytes | str, name: str = "metadata.csv") -> Table:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return open_table(path)

    return write


def values(table: Table) -> list[dict[str, object]]:
    return [dict(row.values) for row in table.rows()]


def problems(table: Table) -> list[str | None]:
    return [row.problem for row in table.rows()]


def rewritten(table: Table, tmp_path: Path, edits: Mapping[int, Mapping[str, str] | None]) -> bytes:
    target = tmp_path / "rewritten"
    table.rewrite(target, lambda row: edits.get(row.number, {}))
    return target.read_bytes()


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "columns", "expected"),
    [
        ("file_name,text\na.jpg,hello\n", ["file_name", "text"], [["a.jpg", "hello"]]),
        ("file_name;text\na.jpg;hello, you\n", ["file_name", "text"], [["a.jpg", "hello, you"]]),
        ("file_name\ttext\na.jpg\thello\n", ["file_name", "text"], [["a.jpg", "hello"]]),
        ("file_name|text\na.jpg|hello\n", ["file_name", "text"], [["a.jpg", "hello"]]),
        ("\ufefffile_name,text\na.jpg,hello\n", ["file_name", "text"], [["a.jpg", "hello"]]),
        ("file_name,text\r\na.jpg,hello\r\n", ["file_name", "text"], [["a.jpg", "hello"]]),
        ('file_name,text\na.jpg,"one\ntwo, ""three"""\nb.jpg,x', ["file_name", "text"],
         [["a.jpg", 'one\ntwo, "three"'], ["b.jpg", "x"]]),
        ('"file_name","te\nxt"\na.jpg,"x"\n', ["file_name", "column 2"], [["a.jpg", "x"]]),
        ("\n\r\n  \nfile_name,text\na.jpg,hello\n", ["file_name", "text"], [["a.jpg", "hello"]]),
        ("file_name,text,text,text[1]\na,b,c,d\n", ["file_name", "text", "text[1]", "text[1][1]"],
         [["a", "b", "c", "d"]]),
        (",text\n0,b\n", ["column 1", "text"], [["0", "b"]]),
        ("file_name,text\n", ["file_name", "text"], []),
        ("file_name", ["file_name"], []),
        ("file_name,text\na.jpg,x\0y\n", ["file_name", "text"], [["a.jpg", "x\0y"]]),
        ('file_name,text\na.jpg,5" nails\nb.jpg,6" nails\n', ["file_name", "text"],
         [["a.jpg", '5" nails'], ["b.jpg", '6" nails']]),
        ("file_name," + "x" * 200 + ",path:,json:text\na,b,c,d\n", ["file_name", "column 2", "column 3", "column 4"],
         [["a", "b", "c", "d"]]),
    ],
)  # fmt: skip
def test_csv(make: Make, data: str, columns: list[str], expected: list[list[str]]) -> None:
    table = make(data)
    assert table.columns == columns
    if "\0" in data:  # Python 3.10's csv refuses NUL, so the row is then read as one text
        assert "x\0y" in "".join(str(value) for value in values(table)[0].values())
        return
    assert values(table) == [dict(zip(columns, row, strict=True)) for row in expected]
    assert set(problems(table)) <= {None}
    assert table.problem is None


def test_a_tsv_is_split_at_tabs_whatever_its_header_holds(make: Make) -> None:
    assert values(make("a,b,c\td\n1\t2\n", "metadata.tsv")) == [{"a,b,c": "1", "d": "2"}]


@pytest.mark.parametrize(
    ("data", "expected", "problem"),
    [
        ("f,a,b\nx,1\n", {"f": "x", "a": "1"}, "the row has 2 cells, the header 3"),
        ("f,a\nx,1,2,3\n", {"f": "x", "a": "1", "column 3": "2", "column 4": "3"}, "the row has 4 cells, the header 2"),
        ("f,column 3\nx,1,2\n", {"f": "x", "column 3": "1", "column 3[1]": "2"}, "the row has 3 cells, the header 2"),
        ('f,a\nx,"open\ny,2\n', {"f": "x", "a": "open"}, "a quoted cell is not closed"),
        ("f,a\nx,1\ry,2\n", {"line": "x,1\ry,2"}, "the row is not valid CSV; it was read as one text"),
        (b"f,a\nx,caf\xe9\n", {"f": "x", "a": "caf\xe9"}, NOT_UTF8),
        (b"f,a\n\xff\xfex,zq@example.com\n", {"f": "ÿþx", "a": "zq@example.com"}, NOT_UTF8),
        ("f,a\n" + "," * 20_000 + "\n", {"line": "," * 20_000}, "the row is not valid CSV; it was read as one text"),
    ],
)  # fmt: skip
def test_csv_rows_with_a_problem_are_read_as_far_as_they_go(
    make: Make, data: bytes | str, expected: dict[str, str], problem: str
) -> None:
    row = next(iter(make(data).rows()))
    assert row.values == expected
    assert row.problem == problem


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "no header row"),
        ("\n\n", "no header row"),
        (" , \na,b\n", "no header row"),
        ("file_name,text\n".encode("utf-16"), "save it as UTF-8"),
        ("file_name,text\n".encode("utf-16-le"), "save it as UTF-8"),
        ("file_name,text\n".encode("utf-32"), "save it as UTF-8"),
        ("file_name,text\ra.jpg,zq\rb.jpg,x\r", "end in CR"),
        ("," * 20_000, "too many columns"),
        ("x" * (MAX_RECORD_BYTES + 9), "too many columns|no CSV"),
    ],
)  # fmt: skip
def test_csv_files_that_cannot_be_read_are_refused_in_plain_words(make: Make, data: bytes | str, message: str) -> None:
    if len(data) > MAX_RECORD_BYTES:  # one column with an absurd name: read, but the name goes nowhere
        assert make(data).columns == ["column 1"]
        return
    with pytest.raises(SourceError, match=message) as caught:
        make(data)
    assert "zq" not in str(caught.value)


@pytest.mark.parametrize(
    "first", ["a.jpg,zq@example.com", "zq,+1 415 555 0100", "1,https://example.com/zq", "x,y/IMG.JPEG", '"x\nb@c.d",y']
)
def test_a_csv_without_a_header_loses_no_row_and_no_value_becomes_a_name(
    make: Make, tmp_path: Path, first: str
) -> None:
    table = make(f"{first}\nb,c\n")
    assert table.columns == ["column 1", "column 2"]
    cells = next(csv.reader(io.StringIO(first, newline="")))
    assert values(table) == [{"column 1": cells[0], "column 2": cells[1]}, {"column 1": "b", "column 2": "c"}]
    assert rewritten(table, tmp_path, {0: {"column 2": "-"}}).endswith(b",-\nb,c\n")
    assert rewritten(table, tmp_path, {0: None}) == b"b,c\n"


def test_an_unclosed_quote_is_bounded_and_loses_nothing(make: Make, tmp_path: Path) -> None:
    lines = ['a.jpg,"never closed', *(f"b{number}.jpg,x{number}" for number in range(3 * MAX_RECORD_LINES))]
    table = make("file_name,text\n" + "\n".join(lines) + "\n")
    rows = values(table)
    assert [row["file_name"] for row in rows] == ["a.jpg", *(f"b{number}.jpg" for number in range(600))]
    assert rewritten(table, tmp_path, {}) == (tmp_path / "metadata.csv").read_bytes()


def test_a_cell_of_five_megabytes_is_read_and_kept(make: Make, tmp_path: Path) -> None:
    for cell in ("x" * 5_000_000 + " zq@example.com", '"' + "y\n" * 100 + "x" * 5_000_000 + ' zq@example.com"'):
        table = make(f"file_name,text\na.jpg,{cell}\nb.jpg,z\n")
        rows = list(table.rows())
        assert sum(len(str(value)) for row in rows for value in row.values.values()) >= 5_000_000
        assert any("zq@example.com" in str(value) for row in rows for value in row.values.values())
        assert rows[0].problem is not None
        assert rows[-1].values == {"file_name": "b.jpg", "text": "z"}
        assert rewritten(table, tmp_path, {}) == (tmp_path / "metadata.csv").read_bytes()
        edits = {row.number: {"line": "<TEXT>"} for row in rows if "line" in row.values}
        assert b"b.jpg,z\n" in rewritten(table, tmp_path, edits)


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_a_file_of_open_quotes_takes_linear_time(make: Make) -> None:
    rows = sum(1 for _ in make("a,b\n" + 'x,"\n' * 100_001).rows())
    assert rows > 50_000


CELLS = st.text(st.sampled_from(list('ab,;"\n\r\t é\0|')), max_size=6)
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=6)


def as_csv(lines: list[list[str]], ending: str, header: bytes) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=ending).writerows(lines)
    return header + buffer.getvalue().encode()


@quick
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.binary(max_size=12))
@example([["a", "b"], [""], ["c", "d"]], "\n", b'"')
@example([["a", '"\n'], ["x"]], "\n", b"\n \n")
def test_csv_rewritten_without_edits_is_the_same_file(tmp_path: Path, lines: list, ending: str, junk: bytes) -> None:
    path = tmp_path / "metadata.csv"
    data = as_csv(lines, ending, b"file_name,text" + ending.encode()) + junk
    path.write_bytes(data)
    table = open_table(path)
    assert rewritten(table, tmp_path, {}) == data


@quick
@given(st.binary(max_size=80))
@example(b'a,b\n"x')
@example(b"a\n\n\nb\n")
def test_any_bytes_are_a_table_or_a_source_error(tmp_path: Path, data: bytes) -> None:
    for name in ("metadata.csv", "metadata.tsv", "metadata.jsonl"):
        path = tmp_path / name
        path.write_bytes(data)
        try:
            table = open_table(path)
        except SourceError:
            continue
        assert rewritten(table, tmp_path, {}) == data
        rows = list(table.rows())
        assert [row.number for row in rows] == list(range(len(rows)))
        for row in rows:
            assert data[row.mark : row.mark + len(row.raw)] == row.raw
            assert list(table.rows(row.mark, row.number)) == rows[row.number :]


@quick
@given(LINES.filter(bool), st.sampled_from(["\n", "\r\n"]), st.data())
def test_one_csv_edit_changes_that_record_only(tmp_path: Path, lines: list, ending: str, data: st.DataObject) -> None:
    path = tmp_path / "metadata.csv"
    path.write_bytes(as_csv(lines, ending, b"file_name,text" + ending.encode()))
    table = open_table(path)
    rows = list(table.rows())
    if not rows:
        return
    row = data.draw(st.sampled_from(rows))
    name = data.draw(st.sampled_from(sorted(row.values)))
    value = data.draw(CELLS)
    original = path.read_bytes()
    new = rewritten(table, tmp_path, {row.number: {name: value}})
    assert new.startswith(original[: row.mark])
    assert new.endswith(original[row.mark + len(row.raw) :])
    if row.problem is None and "\0" not in value:
        path.write_bytes(new)
        again = list(open_table(path).rows(row.mark, row.number))[:1]
        expected = {**row.values, name: value}
        if any(str(cell).strip() for cell in expected.values()) or len(expected) > 1:
            assert again[0].values == expected


def test_dropped_rows_disappear_and_blank_lines_stay(make: Make, tmp_path: Path) -> None:
    table = make('file_name,text\r\n\r\na,1\r\n  \n"b\n",2\r\nc,3')
    assert rewritten(table, tmp_path, {0: None, 2: {"text": "-"}}) == b'file_name,text\r\n\r\n  \n"b\n",2\r\nc,-'
    assert rewritten(table, tmp_path, {0: None, 1: None, 2: None}) == b"file_name,text\r\n\r\n  \n"


@pytest.mark.parametrize("cell", ["two\nlines", "two\rlines", "two\r\nlines", 'a "quote"', "a,b", ""])
def test_the_last_row_without_a_line_end_stays_one_row(make: Make, tmp_path: Path, cell: str) -> None:
    quoted = cell.replace('"', '""')
    table = make(f'file_name,text,more\na,1,2\nb,"{quoted}",zq')
    (tmp_path / "metadata.csv").write_bytes(rewritten(table, tmp_path, {1: {"more": "-"}}))
    again = values(open_table(tmp_path / "metadata.csv"))
    assert again == [{"file_name": "a", "text": "1", "more": "2"}, {"file_name": "b", "text": cell, "more": "-"}]


def test_edits_keep_a_rows_own_encoding_and_line_end(make: Make, tmp_path: Path) -> None:
    data = b"f,a,b\r\nx,caf\xe9,1\n\xef\xbb\xbfy,\xc3\xa9,2\r\n"
    new = rewritten(make(data), tmp_path, {0: {"b": "-"}, 1: {"b": "-"}})
    assert new == b"f,a,b\r\nx,caf\xe9,-\n\xef\xbb\xbfy,\xc3\xa9,-\r\n"


# --- JSON Lines -------------------------------------------------------------------------------------------------------


def test_json_lines(make: Make) -> None:
    table = make('{"file_name": "a.jpg"}\n\n{"text": "x", "tags": ["y"]}\r\n', "metadata.jsonl")
    assert table.columns == ["file_name", "text", "tags[0]"]
    assert values(table) == [{"file_name": "a.jpg"}, {"text": "x", "tags[0]": "y"}]
    assert problems(table) == [None, None]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": "zq@example.com"', "not valid JSON: ',' or '}' is missing"),
        ("zq@example.com", "not valid JSON: a value is missing"),
        ("[" * 40, "not valid JSON: nested deeper than 32"),
        (json.dumps(list(range(10_001))), "more than 10,000 values in one document"),
    ],
)
def test_a_line_that_is_no_json_is_still_text(make: Make, tmp_path: Path, line: str, problem: str) -> None:
    table = make(f'{{"file_name": "a.jpg"}}\n{line}\r\n{{"file_name": "b.jpg"}}\n', "metadata.jsonl")
    rows = list(table.rows())
    assert [row.problem for row in rows] == [None, problem, None]
    assert rows[1].values == {"line": line}
    new = rewritten(table, tmp_path, {1: {"line": "<EMAIL>"}})
    assert new == b'{"file_name": "a.jpg"}\n<EMAIL>\r\n{"file_name": "b.jpg"}\n'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        ('{"a": 1}\n'.encode("utf-16"), "save it as UTF-8"),
        ('{"a": 1}\n'.encode("utf-16-be"), "save it as UTF-8"),
    ],
)
def test_json_lines_that_cannot_be_read(make: Make, data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        make(data, "metadata.jsonl")


def test_json_lines_in_latin_1_keep_their_bytes(make: Make, tmp_path: Path) -> None:
    table = make(b'{"a": "caf\xe9", "b": "x\\u4e2d"}\n', "metadata.jsonl")
    assert values(table) == [{"a": "café", "b": "x中"}]
    assert problems(table)[0] is not None
    assert rewritten(table, tmp_path, {0: {"b": "中 -"}}) == b'{"a": "caf\xe9", "b": "\\u4e2d -"}\n'


def test_a_json_line_longer_than_the_limit_is_read_in_pieces(make: Make, tmp_path: Path) -> None:
    data = (
        json.dumps({"file_name": "a.jpg", "text": "x" * 5_000_000 + " zq@example.com"}) + '\n{"file_name": "b.jpg"}\n'
    )
    table = make(data, "metadata.jsonl")
    rows = list(table.rows())
    assert sum(len(row.raw) for row in rows) == len(data)
    assert any("zq@example.com" in str(row.values.get("line")) for row in rows)
    assert rows[-1].values == {"file_name": "b.jpg"}
    assert rewritten(table, tmp_path, {}) == data.encode()


OBJECTS = st.dictionaries(st.sampled_from(["file_name", "text", "n"]), st.text(max_size=5) | st.integers(), max_size=3)
JSON_LINES = st.lists(
    OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False)) | st.sampled_from(["", " ", "{", "null", '"x"']),
    min_size=1,
    max_size=6,
)


@quick
@given(JSON_LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.data())
def test_json_lines_edits_change_only_their_line(
    tmp_path: Path, lines: list[str], ending: str, ended: bool, data: st.DataObject
) -> None:
    path = tmp_path / "metadata.jsonl"
    path.write_bytes((ending.join(lines) + (ending if ended else "")).encode("utf-8"))
    try:
        table = open_table(path)
    except SourceError:
        assert not any(line.strip() for line in lines)
        return
    original = path.read_bytes()
    assert rewritten(table, tmp_path, {}) == original
    rows = list(table.rows())
    row = data.draw(st.sampled_from(rows))
    assert list(table.rows(row.mark, row.number)) == rows[row.number :]
    head, tail = original[: row.mark], original[row.mark + len(row.raw) :]
    assert rewritten(table, tmp_path, {row.number: None}) == head + tail
    if row.values:
        name = data.draw(st.sampled_from(sorted(row.values)))
        new = rewritten(table, tmp_path, {row.number: {name: "-"}})
        assert new.startswith(head)
        assert new.endswith(tail)
        path.write_bytes(new)
        assert list(open_table(path).rows())[row.number].values == {**row.values, name: "-"}


# --- Parquet ----------------------------------------------------------------------------------------------------------

TAKEN = dt.datetime(2024, 5, 17, 9, 31)  # noqa: DTZ001 - a Parquet column without a zone
PEOPLE = pa.struct([("name", pa.string()), ("phone", pa.int64()), ("tags", pa.list_(pa.string()))])


def parquet(tmp_path: Path, table: pa.Table, **options: object) -> Table:
    pq.write_table(table, tmp_path / "metadata.parquet", **options)
    return open_table(tmp_path / "metadata.parquet")


def again(tmp_path: Path, table: Table, edits: Mapping[int, Mapping[str, str] | None]) -> pa.Table:
    target = tmp_path / "rewritten.parquet"
    table.rewrite(target, lambda row: edits.get(row.number, {}))
    return pq.read_table(target)


def stored_schema(tmp_path: Path) -> pa.Schema:
    schema = pq.read_schema(tmp_path / "metadata.parquet")
    assert b"huggingface" in schema.metadata
    assert not schema.field("required").nullable
    return schema


def rich() -> pa.Table:
    """A table with one column per kind of value, and metadata of its own."""
    count = 5
    columns = {
        "file_name": pa.array([f"{n}.jpg" for n in range(count)]),
        "text": pa.array(["a", None, "zq", "", "é"], pa.large_string()),
        "label": pa.array(["x", "y", "x", None, "y"]).dictionary_encode(),
        "phone": pa.array([4155550100, None, 4155550101, 1, 0], pa.int64()),
        "required": pa.array(range(count), pa.int32()),
        "price": pa.array([1.5, None, float("nan"), 4155550100.0, 0.0]),
        "tax": pa.array([Decimal("3174012345678901"), None, Decimal(1), Decimal(2), Decimal(3)], pa.decimal128(20, 0)),
        "taken": pa.array([TAKEN] * count, pa.timestamp("ms")),
        "born": pa.array([dt.date(1990, 1, 1)] * count),
        "flag": pa.array([True, False, None, True, False]),
        "people": pa.array([{"name": "p", "phone": 4155550100, "tags": ["t", "u"]}] * 4 + [None], PEOPLE),
        "list": pa.array([["a", "b"], [], None, ["c"], ["d"]], pa.list_(pa.string())),
        "map": pa.array([[("k", "v")]] * count, pa.map_(pa.string(), pa.string())),
        "dotted.name": pa.array(["d"] * count),
        "bracket[0]": pa.array(["e"] * count),
    }
    fields = [pa.field(name, array.type, nullable=name != "required") for name, array in columns.items()]
    schema = pa.schema(fields, metadata={b"huggingface": b'{"info": {}}'})
    return pa.table(list(columns.values()), schema=schema)


def test_parquet_rows_are_flat(tmp_path: Path) -> None:
    table = parquet(tmp_path, rich())
    first = next(iter(table.rows())).values
    assert {name: first[name] for name in ("file_name", "phone", "people.name", "people.tags[1]", "map[0][1]")} == {
        "file_name": "0.jpg",
        "phone": 4155550100,
        "people.name": "p",
        "people.tags[1]": "u",
        "map[0][1]": "v",
    }
    assert table.columns == rich().column_names
    assert table.problem is None
    assert [row.problem for row in table.rows()] == [None] * 5


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("compression", ["snappy", "none", "zstd", "gzip", "lz4", "brotli"])
def test_parquet_without_edits_is_the_same_table(tmp_path: Path, rows: int, compression: str) -> None:
    table = parquet(tmp_path, rich(), row_group_size=rows, compression=compression)
    new = again(tmp_path, table, {})
    assert repr(new.to_pylist()) == repr(rich().to_pylist())
    assert new.schema.equals(stored_schema(tmp_path), check_metadata=True)
    before, after = (pq.ParquetFile(tmp_path / name) for name in ("metadata.parquet", "rewritten.parquet"))
    with before, after:
        assert after.metadata.num_row_groups == before.metadata.num_row_groups
        assert after.metadata.row_group(0).column(0).compression == before.metadata.row_group(0).column(0).compression


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("text", {"text": "<X>"}),
        ("label", {"label": "<X>"}),
        ("phone", {"phone": None}),
        ("required", {"required": 0}),
        ("price", {"price": None}),
        ("tax", {"tax": None}),
        ("taken", {"taken": None}),
        ("born", {"born": None}),
        ("flag", {"flag": None}),
        ("people.name", {"people": {"name": "<X>", "phone": 4155550100, "tags": ["t", "u"]}}),
        ("people.phone", {"people": {"name": "p", "phone": None, "tags": ["t", "u"]}}),
        ("people.tags[1]", {"people": {"name": "p", "phone": 4155550100, "tags": ["t", "<X>"]}}),
        ("list[0]", {"list": ["<X>"]}),
        ("map[0][1]", {"map": [("k", "<X>")]}),
        ("map[0][0]", {"map": [("<X>", "v")]}),
        ("dotted.name", {"dotted.name": "<X>"}),
        ("bracket[0]", {"bracket[0]": "<X>"}),
        ("no such path", {}),
    ],
)
def test_one_parquet_edit_changes_that_value_only(tmp_path: Path, path: str, new: dict[str, object]) -> None:
    table = parquet(tmp_path, rich(), row_group_size=2)
    expected = rich().to_pylist()
    expected[3].update(new)
    result = again(tmp_path, table, {3: {path: "<X>"}})
    assert repr(result.to_pylist()) == repr(expected)
    assert result.schema.equals(stored_schema(tmp_path), check_metadata=True)


def test_parquet_rows_can_be_dropped(tmp_path: Path) -> None:
    table = parquet(tmp_path, rich(), row_group_size=2)
    assert again(tmp_path, table, {0: None, 2: None, 3: None})["file_name"].to_pylist() == ["1.jpg", "4.jpg"]
    gone = again(tmp_path, table, dict.fromkeys(range(5)))
    assert gone.num_rows == 0
    assert gone.schema.equals(stored_schema(tmp_path), check_metadata=True)


@pytest.mark.parametrize("group", [1, 3, 1500, 5000])
@pytest.mark.parametrize("mark", [0, 1, 2, 999, 1000, 1001, 1499, 2499, 2500])
def test_parquet_can_be_read_from_any_row(tmp_path: Path, group: int, mark: int) -> None:
    names = [f"{number}.jpg" for number in range(2500)]
    if group < 10 and mark not in (0, 2, 1000):
        names = names[:30]
    table = parquet(tmp_path, pa.table({"file_name": names}), row_group_size=group)
    rows = list(table.rows(mark, mark))
    assert [(row.number, row.mark, row.values["file_name"]) for row in rows] == [
        (number, number, names[number]) for number in range(mark, len(names))
    ]


def test_parquet_with_columns_whose_paths_collide(tmp_path: Path) -> None:
    table = parquet(tmp_path, pa.table({"a.b": ["x"], "a": pa.array([{"b": "y"}])}))
    assert values(table) == [{"a.b": "x", "a.b[1]": "y"}]
    assert again(tmp_path, table, {0: {"a.b[1]": "-"}}).to_pylist() == [{"a.b": "x", "a": {"b": "-"}}]
    assert again(tmp_path, table, {0: {"a.b": "-"}}).to_pylist() == [{"a.b": "-", "a": {"b": "y"}}]


@pytest.mark.parametrize(
    "kind",
    [pa.binary(), pa.large_binary(), pa.binary(1), pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
     pa.list_(pa.binary()), pa.dictionary(pa.int32(), pa.binary())],
    ids=str,
)  # fmt: skip
def test_binary_columns_are_left_alone_and_said_to_be_unchecked(tmp_path: Path, kind: pa.DataType) -> None:
    value: object = b"\xff"
    if pa.types.is_struct(kind):
        value = {"bytes": b"\xff", "path": "p"}
    elif pa.types.is_list(kind):
        value = [b"\xff"]
    blob = pa.array([b"\xff"]).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array([value], kind)
    source = pa.table({"file_name": ["a.jpg"], "blob": blob})
    table = parquet(tmp_path, source)
    assert table.columns == ["file_name"]
    assert table.problem == "the table holds binary columns, which were not checked"
    new = again(tmp_path, table, {0: {"file_name": "b.jpg"}})
    assert new["blob"].to_pylist() == source["blob"].to_pylist()
    with pytest.raises(SourceError, match="no column that could be checked"):
        parquet(tmp_path, pa.table({"blob": blob}))


def test_parquet_that_holds_nothing(tmp_path: Path) -> None:
    table = parquet(tmp_path, pa.table({"file_name": pa.array([], pa.string())}))
    assert table.columns == ["file_name"]
    assert values(table) == []
    assert again(tmp_path, table, {}).num_rows == 0


def test_parquet_with_doubled_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="same name"):
        parquet(tmp_path, pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["a", "a"]))


def test_a_parquet_column_named_like_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like a personal value") as caught:
        parquet(tmp_path, pa.table({"file_name": ["a.jpg"], "zq@example.com": ["x"]}))
    assert "zq" not in str(caught.value)


def test_a_parquet_column_with_an_odd_name_goes_by_its_number(tmp_path: Path) -> None:
    table = parquet(tmp_path, pa.table({"file_name": ["a.jpg"], "x" * 65: ["x"], "txt:": ["y"]}))
    assert table.columns == ["file_name", "{1}", "{2}"]
    assert values(table) == [{"file_name": "a.jpg", "{1}": "x", "{2}": "y"}]
    assert again(tmp_path, table, {0: {"{2}": "-"}})["txt:"].to_pylist() == ["-"]


@pytest.mark.parametrize("keep", [0, 3, 40, 0.5, 0.9, -1])
def test_truncated_parquet_is_a_source_error(tmp_path: Path, keep: float) -> None:
    parquet(tmp_path, rich())
    path = tmp_path / "metadata.parquet"
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(SourceError) as caught:
        open_table(path)
    assert "zq" not in str(caught.value)


def test_damage_inside_a_parquet_file_is_a_source_error(tmp_path: Path) -> None:
    """The footer is sound, so it opens; the rows before the damage are read, the rest is an error and never a crash."""
    names = [f"{number:05d}" * 20 for number in range(8000)]
    table = parquet(
        tmp_path, pa.table({"file_name": names}), row_group_size=2000, compression="gzip", use_dictionary=False
    )
    path = tmp_path / "metadata.parquet"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(bytes(data))
    read: list[object] = []
    with pytest.raises(SourceError, match="damaged"):
        read.extend(row.values["file_name"] for row in table.rows())
    assert len(read) >= 2000
    assert read == names[: len(read)]
    with pytest.raises(SourceError, match="damaged"):
        table.rewrite(tmp_path / "rewritten", lambda _: {})


def test_a_table_that_is_a_folder_or_gone_is_a_source_error(tmp_path: Path) -> None:
    for name in ("metadata.csv", "metadata.jsonl", "metadata.parquet"):
        with pytest.raises(SourceError, match=r"cannot be read|damaged"):
            open_table(tmp_path / name)
        (tmp_path / name).mkdir()
        with pytest.raises(SourceError, match=r"cannot be read|damaged"):
            open_table(tmp_path / name)


def test_what_the_edit_gets_is_what_rows_gave(tmp_path: Path, make: Make) -> None:
    """Redaction finds the row to edit by its number, and its fields by their paths."""
    tables = [
        make('file_name,text\na,"1\n2"\n\nb,2\n'),
        make('{"file_name": "a"}\n\nbroken\n', "metadata.jsonl"),
        parquet(tmp_path, rich(), row_group_size=2),
    ]
    for table in tables:
        seen: list[Row] = []
        table.rewrite(tmp_path / "out", lambda row, seen=seen: seen.append(row) or {})  # type: ignore[misc]
        assert [(row.number, row.mark, repr(row.values)) for row in seen] == [
            (row.number, row.mark, repr(row.values)) for row in table.rows()
        ]
