"""Quotes that swallow rows, and those that don't."""

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.tables.csv_quotes import QuoteChecks
from beam_jobs.tables.table_batches import read_part
from beam_jobs.tables.table_files import find_table
from tfgrec.config.tables import Table
from tfgrec.errors import InputDataError

ROWS = [[str(number), f"item {number}", "1704067200", str(number % 2)] for number in range(1, 2_001)]
HEADER = ["user", "note", "t", "bought"]


def check(content: bytes) -> None:
    QuoteChecks().check(pa.BufferReader(content))


def lines(rows: list[list[str]] = ROWS, end: str = "\n") -> list[str]:
    return [",".join(row) + end for row in [HEADER, *rows]]


def with_quotes(*places: tuple[int, str, str]) -> bytes:
    """The rows with a cell's text replaced: (row, before, after)."""
    text = lines()
    for row, before, after in places:
        assert before in text[row]
        text[row] = text[row].replace(before, after)
    return "".join(text).encode()


STRAYS = [
    (with_quotes((700, "item 700", '"item 700')), 700),
    (with_quotes((1, "1,item", '"1,item')), 1),
    (with_quotes((2_000, ",0\n", ',"0\n')), 2_000),
    (with_quotes((2_000, ",0\n", ',0\n"')), 2_001),
    (with_quotes((700, "item 700", '"item 700'), (1_700, "item 1700", '"item 1700')), 700),
    (with_quotes((700, "item 700", '"item 700'), (1_700, "item 1700", 'item 1700"')), 700),
    (with_quotes((700, "item 700", '"item 700'), (701, "item 701", 'item 701"')), 700),
    (with_quotes((700, "700,item 700", '"700,item 700'), (709, ",1\n", ',1"\n')), 700),
    (with_quotes((700, "item 700", '"say "hi" to"')), 700),
    (with_quotes((700, "item 700", r'"say \"hi\" to"')), 700),
]


CELLS = st.text(st.sampled_from("ab\"'\n\r, ü5"), max_size=12)


class TestStrayQuotes:
    @pytest.mark.parametrize(("content", "row"), STRAYS)
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
    def test_are_told_with_their_row(self, content: bytes, row: int, end: bytes) -> None:
        with pytest.raises(InputDataError, match=rf"^row {row}: .*quote"):
            check(content.replace(b"\n", end))

    @pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
    def test_are_told_with_table_and_file(self, name: str, tmp_path: Path) -> None:
        content = STRAYS[0][0]
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        table = find_table("views", Table(path=name), str(tmp_path), ["user"])
        with pytest.raises(InputDataError, match=rf"table 'views': {tmp_path}/{name}: row 700: a quote opens"):
            list(read_part(table.parts[0], table.columns, 100))

    def test_where_there_is_no_other_row(self) -> None:
        with pytest.raises(InputDataError, match="^row 1: .* look like rows"):
            check(b'item,price,tags\na,1,"x\nb,2,"\n')

    def test_blank_lines_are_no_rows(self) -> None:
        blank = [line if number % 100 else f"\n\n{line}" for number, line in enumerate(lines())]
        with pytest.raises(InputDataError, match="^row 2001: "):
            check("".join([*blank, '"\n']).encode())

    @pytest.mark.parametrize("stray", ['x,"y,1,1', 'x",y,1,1', 'x,"y"z,1,1', '"x,y,1,1', 'x,""y"",1,1'])
    def test_among_rows_that_are_all_in_quotes(self, stray: str) -> None:
        """Far behind in a long file, where quotes are looked at all at once."""
        rows = [",".join(f'"{cell}"' for cell in row) for row in ROWS * 10]
        rows[15_000] = stray
        if stray == 'x",y,1,1':
            check("\n".join([",".join(HEADER), *rows]).encode())  # A cell that does not begin with a quote is plain.
        else:
            with pytest.raises(InputDataError, match="^row 15001: "):
                check("\n".join([",".join(HEADER), *rows]).encode())


class TestQuotesInTheirPlaces:
    @given(texts=st.lists(CELLS, min_size=1, max_size=5), all_quoted=st.booleans(), bom=st.booleans())
    @settings(max_examples=200, deadline=None)
    def test_are_let_pass(self, texts: list[str], all_quoted: bool, bom: bool) -> None:
        """Whatever Python's csv module writes, with cells of several lines, commas and doubled quotes."""
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL)
        writer.writerow(HEADER)
        for number, text in enumerate(texts):
            writer.writerow([f"u{number}", text, 1704067200, 1])
        writer.writerows(ROWS[:3])
        check(b"\xef\xbb\xbf" * bom + out.getvalue().encode())

    @pytest.mark.parametrize(
        "cell", ['5" pipe', '"Dear all, thanks,\nthis is good, really, very\nBye"', '"a ""b"""', '""', '"\n\n"']
    )
    def test_of_people(self, cell: str) -> None:
        check(with_quotes((700, "item 700", cell)))

    def test_files_in_one_column_or_without_rows(self) -> None:
        for content in (b"", b"\n", b"id", b"id\n", b'"id"\n"a\nb"\n', b"id\n\n\n1\n", b'"i\nd",x\n1,2\n'):
            check(content)
