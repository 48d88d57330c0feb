"""Both programs read the same tables to the same bits, refuse the same ones in the same words, and lose no sample (FORMAT.md section 10)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.programs import Finished, Program
from builders.spread import spread
from hostile.refusal import assert_error
from hostile.table_files import FAMILIES, NAMES, TableFile, numbers, spoilt, written
from torchferry.bundle.contract import Array

FILES_A_FAMILY = 60
PLACES = 64


class Same(nn.Module):
    """Gives back what it is given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 1


class Several(nn.Module):
    """Gives back three inputs of different kinds."""

    def forward(
        self, x: torch.Tensor, count: torch.Tensor, level: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return x * 1, count * 1, level * 1


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose answers are its inputs x float32 [N,3]."""
    out = tmp_path_factory.mktemp("tables") / "same"
    torchferry.export(Same().eval(), inputs={"x": "float32[N,3]"}, outputs=["y"], out=out, to=["onnx"], note=lambda _: None)
    return out


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of three inputs, which are its answers."""
    out = tmp_path_factory.mktemp("tables") / "several"
    inputs = {"x": "float32[N,2]", "count": "int64[N]:0..9", "level": "float32[N,1]"}
    torchferry.export(Several().eval(), inputs=inputs, outputs=["y", "c", "l"], out=out, to=["onnx"], note=lambda _: None)
    return out


class Both:
    """The two programs on one bundle, held to one another."""

    def __init__(self, bundle: Path, folder: Path, ferry_here: Program, ferry_run: Program) -> None:
        self.bundle, self.folder = bundle, folder
        self.programs = {"python": ferry_here, "cpp": ferry_run}

    def read(self, data: bytes, *options: str, ending: str = "npy") -> tuple[Finished, bytes | None]:
        """What both do and write with a file."""
        (self.folder / "in.csv").write_bytes(data)
        found = [self._run(name, ending, *options) for name in self.programs]
        assert found[0] == found[1], f"{data[:200]!r} {options}"
        return found[0]

    def _run(self, name: str, ending: str, *options: str) -> tuple[Finished, bytes | None]:
        output = self.folder / f"{name}.{ending}"
        output.unlink(missing_ok=True)
        words = ["--engine", "onnxruntime", "--no-isolate", "--input", self.folder / "in.csv", "--output", output, *options]
        done = self.programs[name]("predict", self.bundle, *words)
        return done, output.read_bytes() if output.exists() else None

    def rows(self, table: TableFile) -> Array | None:
        """The rows that both read; None: both refuse the file by exit code 7 and one line."""
        ending = "jsonl" if "--id" in table.options else "npy"
        done, written_bytes = self.read(table.data, *table.options, ending=ending)
        if done.code != 0:
            assert_error(done, 7, "in.csv")
            assert written_bytes is None
            return None
        assert done.stderr.startswith("predict: ")
        assert done.stderr.endswith(", engine onnxruntime\n")
        if ending == "npy":
            rows: Array = np.load(self.folder / "cpp.npy")
        else:
            rows = np.array([json.loads(line)["y"] for line in written_bytes.splitlines()], np.float32)  # type: ignore[union-attr]
        assert f"predict: {len(rows)} sample" in done.stderr
        return rows


@pytest.fixture
def both(same: Path, tmp_path: Path, ferry_here: Program, ferry_run: Program) -> Both:
    return Both(same, tmp_path, ferry_here, ferry_run)


@pytest.mark.parametrize("family", spread(FAMILIES, 2))
def test_both_read_what_other_programs_write(both: Both, family: str) -> None:
    draw, refused = random.Random(family), 0
    for _ in range(FILES_A_FAMILY):
        table = FAMILIES[family](draw)
        rows = both.rows(table)
        if table.rows is None:
            assert rows is None, table
            refused += 1
        else:
            assert rows is not None, table
            assert rows.tobytes() == table.rows.tobytes(), table
    assert refused < FILES_A_FAMILY * 0.8


@pytest.mark.parametrize(
    "kind", spread(["cut", "a NUL", "a byte lost", "a bit flipped", "a quote", "a carriage return", "a delimiter", "a word"], 3)
)
def test_a_fault_at_64_places_of_a_file_is_refused_or_seen(both: Both, kind: str) -> None:
    """A fault inside a number may make another number; it never makes fewer samples without a word, nor half of one."""
    whole = numbers(random.Random(7))[:9]
    assert len(whole) >= 4
    text = ",".join(NAMES) + "\n" + written(whole, ",")
    for place, (name, data) in enumerate(spoilt(text.encode(), PLACES)):
        if name != kind:
            continue
        rows = both.rows(TableFile(data, None))
        if rows is None:
            continue
        if kind == "cut":
            assert data.endswith(b"\n") or "has no line end" in both.read(data)[0].stderr, place
            assert rows[: len(rows) - 1].tobytes() == whole[: len(rows) - 1].tobytes()
        else:
            assert len(rows) == len(whole), (place, data)
        assert kind not in ("a NUL", "a word"), (place, data)


DRAWN_LINES = [
    "1,2,3",
    "1;2;3",
    "1\t2\t3",
    "1 2 3",
    "0,1,2",
    "0;1;2",
    "a,b,c",
    "x[2],x[0],x[1]",
    "x[0],x[1],x[2],n",
    "",
    " ",
    "1,2",
]
DRAWN_LINES += [
    '"1","2","3"',
    '"1,5";2;3',
    "1,5;2,5;3,5",
    ",0,1,2",
    "7,1,2,3",
    "1.0,2.0,3.5",
    "# 1,2,3",
    "#a,b,c",
    "NA,2,3",
    "1,nan,3",
]
DRAWN_LINES += [
    "1,2,3,",
    '1,"2,3',
    '1,"2"x,3',
    "x[0],x[0],x[1],x[2]",
    "Unnamed: 0,0,1,2",
    "é,ü,日",
    "1,inf,3",
    "1e39,2,3",
    "\t\t",
    ",,",
    ";;",
]
DRAWN_LINES += [
    "1, 2, 3",
    "1,  2,3",
    "\ufeff1,2,3",
    "x[3],x[0],x[1],x[2]",
    "x,y,z",
    "x[00],x[1],x[2]",
    "n;x[0];x[1];x[2]",
    "1;2;3;4",
    "a b c",
]
DRAWN_OPTIONS = [[], [], [], ["--header", "yes"], ["--header", "no"], ["--ignore-columns"], ["--id", "n"], ["--delimiter", ";"]]
DRAWN_OPTIONS += [["--delimiter", "tab"], ["--delimiter", "space"], ["--delimiter", ","], ["--id", "n", "--ignore-columns"]]


@pytest.mark.parametrize("seed", spread(range(4), 2))
def test_both_say_the_same_of_any_lines(both: Both, seed: int) -> None:
    draw, read = random.Random(seed), 0
    for _ in range(60):
        common = draw.choice(DRAWN_LINES[:4])
        lines = [draw.choice(DRAWN_LINES) if draw.random() < 0.4 else common for _ in range(draw.randint(1, 5))]
        text = "".join(line + draw.choice(("\n", "\n", "\r\n")) for line in lines)
        options = draw.choice(DRAWN_OPTIONS)
        done, _ = both.read(text.encode(), *options, ending="jsonl")
        read += done.code == 0
        assert done.code in (0, 7)
    assert 6 <= read <= 54


@pytest.fixture
def both_of_several(several: Path, tmp_path: Path, ferry_here: Program, ferry_run: Program) -> Both:
    return Both(several, tmp_path, ferry_here, ferry_run)


def test_one_table_holds_several_inputs_by_name_in_any_order(both_of_several: Both) -> None:
    data = b"level,x[1],count,id,x[0]\n0.5,2,7,first,1\n1.5,4,9,second,3\n"
    done, text = both_of_several.read(data, "--id", "id", ending="jsonl")
    assert (done.code, done.stderr) == (
        0,
        f"predict: 2 samples from {both_of_several.folder}/in.csv (line 1 names the columns), 2 answers, engine onnxruntime\n",
    )
    assert [json.loads(line) for line in (text or b"").splitlines()] == [
        {"id": "first", "y": [1.0, 2.0], "c": 7, "l": [0.5]},
        {"id": "second", "y": [3.0, 4.0], "c": 9, "l": [1.5]},
    ]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (
            "1,2,7,0.5\n",
            [],
            "line 1: got no names of columns, expected x[0] to x[1], count, level; name the columns in the first line",
        ),
        ("x[0],x[1],level\n1,2,3\n", [], "line 1: got no column count, expected x[0] to x[1], count, level; add what is missing"),
        ("x[0],x[1],count,level\n1,2,7.5,3\n", [], "line 2, column 3: got '7.5', expected an integer from 0 to 9"),
        ("x[0],x[1],count,level\n1,2,7,\n", [], "line 2, column 4: got nothing (a missing value), expected a number"),
        ("a,b,c,d\n1,2,7,3\n", ["--header", "yes"], "line 1: got none of the columns x[0] to x[1], count, level"),
    ],
)
def test_a_table_of_several_inputs_that_lacks_something_is_refused(
    both_of_several: Both, text: str, options: list[str], words: str
) -> None:
    assert_error(both_of_several.read(text.encode(), *options, ending="jsonl")[0], 7, words)


def test_a_table_of_several_inputs_without_a_header_has_the_order_of_the_contract(both_of_several: Both) -> None:
    _, text = both_of_several.read(b"1,2,7,0.5\n", "--header", "no", ending="jsonl")
    assert json.loads(text or b"") == {"y": [1.0, 2.0], "c": 7, "l": [0.5]}


REFUSED = {
    "nothing": ("", [], "got no samples, expected at least one; is this the right file?"),
    "a header alone": ("a,b,c\n", [], "got no samples"),
    "a page": ("<html>404</html>\n", [], "line 1: got 1 cells, expected 3 for x float32[N,3]"),
    "a decimal comma": ("1,5;2,5;3,5\n", [], "line 1, column 1: got '1,5' (a comma in a number), expected a number; write decimal points"),
    "decimal commas between commas": ("1,5,2,5,3,5\n", [], "line 1: got 6 cells, expected 3 for x float32[N,3]; write decimal points"),
    "twice as many words": ("a,b,c,d,e,f\n1,2,3,4,5,6\n", [], "line 1: got 6 cells, expected 3 for x float32[N,3]; correct the file"),
    "thousands": ('1,"1,000",3\n', [], "line 1, column 2: got '1,000' (a comma in a number)"),
    "a missing word": ("1,2,3\n4,NA,6\n", [], "line 2, column 2: got 'NA' (a missing value), expected a number; fill it in"),
    "a missing word first": ("NA,2,3\n", [], "line 1, column 1: got 'NA' (a missing value)"),
    "an empty cell": ("1,2,3\n4,,6\n", [], "line 2, column 2: got nothing (a missing value), expected a number; fill it in"),
    "nan": ("1,2,3\n4,nan,6\n", [], "line 2, column 2: got 'nan' (a missing value), expected a finite float32; fill it in"),
    "infinity": ("1,2,3\n4,-inf,6\n", [], "line 2, column 2: got '-inf', expected a finite float32; correct the file"),
    "too large": ("1,2,3\n4,1e39,6\n", [], "line 2, column 2: got '1e39', expected a finite float32; correct the file"),
    "a cell too few": ("1,2,3\n4,5\n", [], "line 2: got 2 cells, expected 3 for x float32[N,3]; correct the file"),
    "a cell too many": ("1;2;3\n4;5;6;7\n", [], "line 2: got 4 cells, expected 3 for x float32[N,3]; correct the file"),
    "counting columns": ("0,1,2\n3,4,5\n", [], "line 1: got 0,1,2, which is a sample or a header that counts the columns"),
    "counting columns alone": ("0,1,2\n", [], "add --header yes or --header no"),
    "row numbers": (",0,1,2\n0,3,4,5\n", [], "line 1: got the extra column '' (the row numbers of pandas; index=False leaves them out)"),
    "an extra column": ("x[0],n,x[1],x[2]\n1,2,3,4\n", [], "line 1: got the extra column 'n', expected x[0] to x[2]; take out what is extra"),
    "five extra columns": ("x[0],a,b,c,x[1],d,e,x[2]\n", [], "got the extra columns 'a', 'b', 'c' and 2 more, expected x[0] to x[2]"),
    "numbers in another order": ("f2,f1,f3\n1,2,3\n", [], "got the columns 'f2', 'f1', 'f3' in another order than their numbers, expected x[0] to x[2]"),
    "nearly the names": ("X[1],X[0],X[2]\n1,2,3\n", [], "got the columns 'X[1]', 'X[0]', 'X[2]' in another order than their numbers"),
    "a missing column": ("x[0],x[2]\n1,2\n", [], "line 1: got no column x[1], expected x[0] to x[2]; add what is missing"),
    "a column twice": ("x[0],x[1],x[1],x[2]\n", [], "line 1: got the column 'x[1]' twice, expected it once; take one out"),
    "other names": ("a,b\n1,2\n", ["--header", "yes"], "line 1: got 2 columns that the contract does not name, expected x[0] to x[2]"),
    "no identity": ("x[0],x[1],x[2]\n1,2,3\n", ["--id", "n"], "line 1: got no column 'n', expected the one of --id"),
    "no header for the identity": ("1,2,3\n", ["--id", "n"], "line 1: got no column 'n', expected the one of --id"),
    "a word for a number": ("a,2,3\n", [], "line 1, column 1: got 'a', expected a number; correct the file, or add --header yes"),
    "an open quote behind a closed one": ('1,"2 ""x"", 3\n', [], "line 1, column 2: got a quote that the line does not close"),
    "an open quote": ('1,"2,3\n', [], "line 1, column 2: got a quote that the line does not close"),
    "text behind a quote": ('1,"2"3,4\n', [], "line 1, column 2: got text after the closing quote, expected the end of the cell"),
    "a NUL": ("1,2,\x003\n", [], "line 1: got bytes that are no text"),
    "old Macintosh lines": ("1,2,3\r4,5,6\r", [], "line 1: got a carriage return inside the line, expected \\n or \\r\\n at its end"),
    "a mark for Excel": ("sep=;\n1;2;3\n", [], "line 1: got 'sep=;' (it tells Excel the delimiter), expected a header or numbers; take the line out"),
    "a mark for Excel in quotes": ('"SEP=,"\n1,2,3\n', ["--delimiter", ","], "(it tells Excel the delimiter)"),
    "columns counted in another order": ("2,0,1\n1,2,3\n", [], "line 1: got 2,0,1, which is a sample or a header that counts the columns"),
    "numbers of columns above decimals": ("4,5,7\n1.0,2.5,3.0\n", [], "line 1: got 4,5,7, which is a sample or a header that counts the columns"),
    "whole numbers above decimals": ("4,5,7\n1.5,2.5,3.5\n", [], "add --header yes or --header no"),
    "row numbers and columns in another order": (",1,0,2\n0,1,2,3\n", ["--ignore-columns"], "got the columns '1', '0', '2' in another order"),
    "amounts of money": ("€1,€2,€3\n1,2,3\n", [], "line 1, column 1: got '€1', expected a number; correct the file, or add --header yes"),
    "answers": ("true,false,yes\n1,2,3\n", [], "line 1, column 1: got 'true', expected a number; correct the file, or add --header yes"),
    "digits of another script": ("\u0661,\u0662,\u0663\n1,2,3\n", [], "line 1, column 1: got '\u0661', expected a number"),
    "tabs alone": ("1\t2\t3\n\t\t\n", [], "line 2, column 1: got nothing (a missing value)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_loses_a_sample_or_a_value_is_refused_with_its_place(both: Both, name: str) -> None:
    text, options, words = REFUSED[name]
    done, output = both.read(text.encode(), *options, ending="jsonl")
    assert_error(done, 7, "in.csv", words)
    assert output is None


@pytest.mark.parametrize("header", ["Länge,größe,Ö", "длина,β,長さ", "x1,x2,x3", "_,T,on1", "4,5,7"])
def test_words_of_many_scripts_name_the_columns(both: Both, header: str) -> None:
    told = ["--header", "yes"] if header[0] == "4" else []
    done, _ = both.read(f"{header}\n1.0,2.5,3.0\n".encode(), *told)
    assert (done.code, "predict: 1 sample from " in done.stderr) == (0, True), done


@pytest.mark.parametrize("rows", ["4,5,7\n1,2.5,3\n", "4,5,7\n", "10,10,1\n1.0,2.0,3.0\n", "4,5,70000000000\n1.0,2.0,3.0\n"])
def test_whole_numbers_among_others_are_a_sample(both: Both, rows: str) -> None:
    done, _ = both.read(rows.encode())
    assert (done.code, f"predict: {rows.count(chr(10))} sample" in done.stderr) == (0, True), done


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("1,2,3\n".encode("utf-16"), ": line 1: got UTF-16, expected CSV in UTF-8; save it again as UTF-8"),
        (b"\xfe\xff" + "1,2,3\n".encode("utf-16-be"), ": line 1: got UTF-16"),
        (b"PK\x03\x04" + bytes(26) + b"docProps/app.xml" + bytes(40), ": got a workbook (Excel, LibreOffice), expected CSV; save its sheet"),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(40), ": got a workbook"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis", ": got a workbook"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504), ": got a workbook"),
        (b"GIF89a" + bytes(40), ": got a GIF, expected PNG, JPEG, BMP, PGM or PPM; save it as PNG"),
        (b"II*\0" + bytes(40), ": got a TIFF"),
        (b"MM\0*" + bytes(40), ": got a TIFF"),
        (b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(40), ": got a WebP"),
        (bytes(3) + b"\x1cftypavif" + bytes(40), ": got an AVIF or HEIC"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", ": got a JPEG 2000"),
        (b"%PDF-1.7\n", ": got a PDF"),
    ],
)  # fmt: skip
def test_a_file_of_another_program_is_refused_by_its_name(both: Both, data: bytes, words: str) -> None:
    assert_error(both.read(data)[0], 7, f"in.csv{words}")


@pytest.mark.parametrize("power", [-40, -38, -7, -5, -4, -1, 0, 5, 8, 9, 15, 16, 17, 38])
def test_both_write_every_number_with_the_same_digits(both: Both, power: int) -> None:
    draw = random.Random(power)
    rows = [[sign * draw.choice((1, 9.999999, draw.uniform(1, 3.4))) * 10.0**power for sign in (1, -1, 1)] for _ in range(40)]
    data = "".join(",".join(map(repr, row)) + "\n" for row in rows).encode()
    for ending in ("jsonl", "csv"):
        assert both.read(data, "--header", "no", ending=ending)[0].code in (0, 7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--delimiter", "|"], "--delimiter: got '|', expected one of , ; tab space"),
        (["--delimiter", ""], "--delimiter: got nothing, expected one of , ; tab space"),
        (["--header", "maybe"], "--header: got 'maybe', expected auto, yes or no"),
        (["--id", ""], "--id: got nothing, expected a name"),
        (["--id", "y"], "--id: got 'y', the name of an output, expected another; rename the column"),
        (["--id", "n", "--header", "no"], "--id: got 'n' with --header no, expected a header; leave one of them out"),
        (["--id", "n", "--format", "npy"], "--id: got 'n' for .npy, which holds numbers, expected .jsonl or .csv"),
    ],
)
def test_a_wrong_option_is_a_fault_of_the_command_line(both: Both, options: list[str], words: str) -> None:
    assert_error(both.read(b"1,2,3\n", *options, ending="jsonl")[0], 2, words)


def test_an_identity_needs_a_table(both: Both) -> None:
    np.save(both.folder / "in.npy", np.zeros((1, 3), np.float32))
    data = (both.folder / "in.npy").read_bytes()
    assert_error(both.read(data, "--id", "n", ending="jsonl")[0], 2, "--id: got 'n', expected one table that has this column")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"PAR1\x15\x04\x15 and so on", 5, ": got Parquet"),
        (b"ARROW1\0\0\xff\xff\xff\xff", 5, ": got Arrow IPC"),
        (b"\xff\xff\xff\xff\x10\x01\0\0", 5, ": got Arrow IPC"),
    ],
)
def test_parquet_and_arrow_are_refused_by_name_in_cpp(
    ferry_run: Program, same: Path, tmp_path: Path, data: bytes, code: int, words: str
) -> None:
    (tmp_path / "in.csv").write_bytes(data)
    done = ferry_run("predict", same, "--input", tmp_path / "in.csv")
    assert_error(done, code, words, "which ferry-run does not read", "use ferry predict, or save the table as CSV")


@pytest.mark.parametrize("text", ["1\n\n2\n", "x\n\n1\n", "\n1\n  \n2\n"])
def test_a_blank_line_of_a_column_is_a_missing_value(
    several: Path, tmp_path: Path, ferry_here: Program, ferry_run: Program, text: str
) -> None:
    (tmp_path / "level.csv").write_text(text.replace("x\n", "level\n"))
    (tmp_path / "x.csv").write_text("1,2\n" * 2)
    (tmp_path / "count.csv").write_text("3\n" * 2)
    words = [word for name in ("x", "count", "level") for word in ("--input", f"{name}={tmp_path / name}.csv")]
    found = [program("predict", several, *words) for program in (ferry_here, ferry_run)]
    assert found[0] == found[1]
    assert_error(found[0], 7, "level.csv: line ", ": got a blank line between rows, expected a number")


@pytest.mark.parametrize("text", ["temperature\n20.5\n", "NA\n1\n2\n", "1 000\n", "$5\n1\n", "0x1F\n1\n", "0\n1\n"])
def test_the_only_word_of_a_line_is_no_header(
    several: Path, tmp_path: Path, ferry_here: Program, ferry_run: Program, text: str
) -> None:
    (tmp_path / "level.csv").write_text(text)
    (tmp_path / "x.csv").write_text("1,2\n" * 2)
    (tmp_path / "count.csv").write_text("3\n" * 2)
    words = [word for name in ("x", "count", "level") for word in ("--input", f"{name}={tmp_path / name}.csv")]
    found = [program("predict", several, *words) for program in (ferry_here, ferry_run)]
    assert found[0] == found[1]
    assert_error(found[0], 7, "level.csv: line 1")
