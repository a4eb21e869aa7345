from __future__ import annotations

import io
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.current import tables
from gitxp.current.active import ActiveRun
from gitxp.current.media import Artifact, Html, Image, Table
from gitxp.current.pixels import image_png
from gitxp.current.png import encode_png
from gitxp.current.staging import safe_path
from gitxp.current.values import tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> ActiveRun:
    """A run whose live folder is `tmp_path / "live"`."""
    (tmp_path / "live").mkdir()
    return ActiveRun("calm-otter-7k3q", "id", str(tmp_path / "live"))


def staged(tmp_path: Path) -> dict[str, bytes]:
    """The bytes of each artifact by its path."""
    return {path: (tmp_path / statement["source"]).read_bytes() for path, statement in said(tmp_path).items()}


def said(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The last statement of each artifact by its path."""
    lines = [line for path in (tmp_path / "live/said").glob("*") for line in path.read_text().splitlines()]
    return {s["path"]: s for s in map(json.loads, lines) if s["kind"] == "artifact"}


def decode_png(data: bytes) -> tuple[int, int, int, bytes]:
    """(width, height, colour type, pixels) of a PNG whose rows have no filter; every checksum must be right."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        parts[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert depth == 8
    raw = zlib.decompress(parts[b"IDAT"])
    stride = len(raw) // height
    return width, height, colour, b"".join(raw[row * stride + 1 : (row + 1) * stride] for row in range(height))


class Array:
    """As little of numpy's array as is looked at."""

    def __init__(self, values: list[Any], shape: tuple[int, ...], dtype: str = "float32") -> None:
        self.values, self.shape, self.dtype = values, shape, dtype

    def tolist(self) -> list[Any]:
        """As numpy."""
        return self.values

    def reshape(self, _: int) -> Array:
        """As numpy."""
        return Array(self.values, (len(self.values),), self.dtype)

    def tobytes(self) -> bytes:
        """As numpy."""
        return bytes(self.values)


class Tensor(Array):
    """As little of torch's tensor."""

    def detach(self) -> Tensor:
        """As torch."""
        return self

    def cpu(self) -> Tensor:
        """As torch."""
        return self

    def numpy(self) -> Array:
        """As torch."""
        return Array(self.values, self.shape, self.dtype)


def test_png_holds_the_pixels_that_were_given() -> None:
    """Grey, RGB and RGBA pixels come back from the file as they were; a wrong number of them is refused."""
    for channels, colour in ((1, 0), (2, 4), (3, 2), (4, 6)):
        pixels = bytes(range(6 * channels))
        assert decode_png(encode_png(pixels, 3, 2, channels)) == (3, 2, colour, pixels)
    with pytest.raises(ValueError, match="no image"):
        encode_png(b"12345", 3, 2, 1)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ([[0, 128], [255, 300]], (2, 2, 0, bytes([0, 128, 255, 255]))),
        ([[0.0, 0.5], [1.0, float("nan")]], (2, 2, 0, bytes([0, 128, 255, 0]))),
        ([[0.0, 64.0], [255.0, -3.0]], (2, 2, 0, bytes([0, 64, 255, 0]))),
        ([[True, False]], (2, 1, 0, bytes([255, 0]))),
        ([[[1, 2, 3], [4, 5, 6]]], (2, 1, 2, bytes([1, 2, 3, 4, 5, 6]))),
        (Array([1, 2, 3, 4], (2, 2), "uint8"), (2, 2, 0, bytes([1, 2, 3, 4]))),
        (Array([0.0, 1.0, 0.2, 0.4], (1, 4)), (4, 1, 0, bytes([0, 255, 51, 102]))),
        (Tensor([1, 2, 3, 4, 5, 6], (3, 1, 2), "uint8"), (2, 1, 2, bytes([1, 3, 5, 2, 4, 6]))),
    ],
)
def test_arrays_become_images(image: Any, expected: tuple[int, int, int, bytes]) -> None:
    """Lists, arrays and tensors of every shape and range give the pixels that a viewer expects."""
    assert decode_png(image_png(image)) == expected


def test_real_images_and_figures_become_files(run: ActiveRun, tmp_path: Path) -> None:
    """PIL's images and numpy's arrays give the same pixels; matplotlib's figures a PNG that PIL reads."""
    numpy = pytest.importorskip("numpy")
    pil = pytest.importorskip("PIL.Image")
    matplotlib = pytest.importorskip("matplotlib")
    pixels = numpy.arange(48, dtype=numpy.uint8).reshape(4, 4, 3)
    run.log({"array": Image(pixels), "pil": pil.fromarray(pixels)})
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3])
    run.log_figure("plot", figure)
    run.log_image("current", pyplot)
    run.log_image("floats", numpy.zeros((2, 3), dtype=numpy.float64))
    pyplot.close(figure)
    files = staged(tmp_path)
    for path in ("media/array/0.png", "media/pil/0.png"):
        assert (numpy.asarray(pil.open(io.BytesIO(files[path]))) == pixels).all()
    assert (
        pil.open(io.BytesIO(files["media/plot/1.png"])).size == pil.open(io.BytesIO(files["media/current/1.png"])).size
    )
    assert pil.open(io.BytesIO(files["media/floats/1.png"])).size == (3, 2)


def test_tables_keep_their_types() -> None:
    """Dictionaries, rows with columns and columns give the same table; numbers, texts, booleans and gaps stay what they are."""
    expected = (["a", "b"], [[1, "x"], [2.5, None]])
    assert tables.table([{"a": 1, "b": "x"}, {"a": 2.5}]) == expected
    assert tables.table([[1, "x"], [2.5, None]], ["a", "b"]) == expected
    assert tables.table({"a": [1, 2.5], "b": ["x"]}) == expected
    assert json.loads(tables.table_json(*expected)) == {"columns": expected[0], "data": expected[1]}
    table = Table(columns=["a"], data=[[float("nan")]])
    table.add_data(True)
    assert json.loads(table.data or b"")["data"] == [["nan"], [True]]
    with pytest.raises(TypeError):
        tables.table(3)


def test_real_data_frames_become_tables(run: ActiveRun, tmp_path: Path) -> None:
    """A DataFrame is kept with its columns and its cells as JSON's own types."""
    pandas = pytest.importorskip("pandas")
    run.log_table("frame", pandas.DataFrame({"i": [1, 2], "f": [0.5, 1.5], "s": ["x", None]}))
    found = json.loads(staged(tmp_path)["media/frame/0.table.json"])
    assert found["columns"] == ["i", "f", "s"]
    assert found["data"][0] == [1, 0.5, "x"]


def test_real_plotly_figures_are_kept_as_json(run: ActiveRun, tmp_path: Path) -> None:
    """A plotly figure is its own JSON, which plotly reads again."""
    graphs = pytest.importorskip("plotly.graph_objects")
    run.log({"plot": graphs.Figure(data=[{"type": "bar", "y": [1, 2]}])})
    assert json.loads(staged(tmp_path)["media/plot/0.plotly.json"])["data"][0]["type"] == "bar"


def test_confusion_matrices_count_pairs(run: ActiveRun, tmp_path: Path) -> None:
    """Rows are true classes, columns predicted ones, in the order of the labels; a matrix may be given as it is."""
    run.log_confusion_matrix(["cat", "dog", "dog"], ["cat", "cat", "dog"])
    run.log_confusion_matrix([0, 1, 1], [0, 0, 1], labels=["no", "yes"], key="named")
    run.log_confusion_matrix(matrix=[[3, 0], [1, 2]], labels=["a", "b"], key="given")
    found = {path: json.loads(data) for path, data in staged(tmp_path).items()}
    assert found["media/confusion_matrix/0.confusion.json"] == {"labels": ["cat", "dog"], "matrix": [[1, 0], [1, 1]]}
    assert found["media/named/0.confusion.json"] == {"labels": ["no", "yes"], "matrix": [[1, 0], [1, 1]]}
    assert found["media/given/0.confusion.json"] == {"labels": ["a", "b"], "matrix": [[3, 0], [1, 2]]}


def test_histograms_count_every_finite_number() -> None:
    """Each finite number is in one bin, the largest in the last; nan and infinities are in none; equal numbers have a bin."""
    counts, edges = tables.histogram([0, 1, 1, 2, 4, float("nan"), float("inf")], 4)
    assert (counts, edges) == ([1, 2, 1, 1], [0, 1, 2, 3, 4])
    assert sum(tables.histogram([7.0] * 5, 3)[0]) == 5
    assert sum(tables.histogram([], 3)[0]) == 0


def test_a_file_is_kept_as_it_was_when_it_was_given(run: ActiveRun, tmp_path: Path) -> None:
    """What is written over it afterwards does not change the artifact; the same name again replaces it."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"first")
    run.log_artifact(path)
    run.log_artifact(path, name="sub/first.bin")
    path.write_bytes(b"second")
    assert staged(tmp_path) == {"model.bin": b"first", "sub/first.bin": b"first"}
    run.log_artifact(path)
    assert staged(tmp_path)["model.bin"] == b"second"


def test_two_processes_do_not_take_each_others_place(tmp_path: Path) -> None:
    """The same name given by two processes is two artifacts."""
    (tmp_path / "live").mkdir()
    for text in ("one", "two"):
        ActiveRun("n", "i", str(tmp_path / "live")).log_text("t", text)
    assert sorted(staged(tmp_path).values()) == [b"one", b"two"]


def test_large_files_are_pointed_at_and_not_copied(run: ActiveRun, tmp_path: Path) -> None:
    """A file over the limit of what is stored stays where it is."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    run.log_artifact(path)
    assert said(tmp_path)["large.bin"]["source"] == str(path)


def test_folders_and_artifacts_of_many_files(run: ActiveRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder's files keep their places below its name; so do those of an Artifact, and of a glob."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out/deep").mkdir(parents=True)
    (tmp_path / "out/a.txt").write_text("a")
    (tmp_path / "out/deep/b.txt").write_text("b")
    run.log_artifact("out")
    artifact = Artifact("data", type="dataset")
    artifact.add_file("out/a.txt", name="renamed.txt")
    artifact.add_dir("out", name="all")
    run.log_artifact(artifact)
    run.save("out/*.txt")
    assert sorted(staged(tmp_path)) == [
        "data/all/a.txt",
        "data/all/deep/b.txt",
        "data/renamed.txt",
        "out/a.txt",
        "out/deep/b.txt",
    ]


def test_what_cannot_be_kept_is_told_and_never_raised(
    run: ActiveRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file, an array that is no image, a figure that cannot draw: one line each, and the program goes on."""

    class Broken:
        def savefig(self, *_: object, **__: object) -> None:
            raise RuntimeError("no backend")

    run.log_artifact(tmp_path / "missing.bin")
    run.log_image("image", Array([1], (1,)))
    run.log({"figure": Broken(), "loss": 1.0})
    run.log_table("table", 3)
    run.log_confusion_matrix([1], [1, 2])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert all("could not be kept" in line for line in lines)
    assert not list((tmp_path / "live").glob("artifacts/**/*.*"))


def test_lists_of_images_are_numbered(run: ActiveRun, tmp_path: Path) -> None:
    """A list of images at one step is as many files; statements tell key, step and caption."""
    run.log({"samples": [Image([[0]], caption="black"), Image([[255]])]}, step=4)
    assert sorted(said(tmp_path)) == ["media/samples/4-0.png", "media/samples/4-1.png"]
    assert {(s["key"], s["step"], s["type"]) for s in said(tmp_path).values()} == {("samples", 4, "image")}
    assert [s.get("caption") for s in said(tmp_path).values()] == ["black", None]


def test_html_is_a_text_or_a_file(run: ActiveRun, tmp_path: Path) -> None:
    """Html takes the page itself, or the path of one."""
    (tmp_path / "page.html").write_text("<b>file</b>")
    run.log({"a": Html("<b>text</b>"), "b": Html(str(tmp_path / "page.html"))})
    assert staged(tmp_path) == {"media/a/0.html": b"<b>text</b>", "media/b/0.html": b"<b>file</b>"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a/b.txt", "a/b.txt"),
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/x", "abs/x"),
        ("a//./b", "a/b"),
        (".git/config", "_git/config"),
        ("x/.GIT/y", "x/_GIT/y"),
        ("GIT~1", "_GIT~1"),
        ("a\nb\tc", "a_b_c"),
        ("..", "artifact"),
        ("", "artifact"),
        ("a\\b", "a/b"),
        ("trailing. ", "trailing"),
        (".g\u200cit", ".g_it"),
        ("précis/損失.png", "précis/損失.png"),
    ],
)
def test_paths_of_artifacts_stay_in_their_folder(given: str, kept: str) -> None:
    """No name leaves the folder of artifacts, or is one that git refuses on some file system."""
    assert safe_path(given) == kept


def test_trees_are_made_of_what_a_record_can_hold() -> None:
    """Objects of any kind become scalars, lists and dictionaries, the same ones each time: no addresses, no endless depth."""

    class Plain:
        pass

    class Shows:
        def __str__(self) -> str:
            return "shown"

    class Raises:
        def keys(self) -> None:
            raise RuntimeError

        def __getitem__(self, _: object) -> None:
            raise RuntimeError

    loop: dict[str, Any] = {}
    loop["again"] = loop
    assert tree({"a": (1, {2}), 3: None, "f": len, "c": int, "s": Shows(), "nan": float("nan")}) == {
        "a": [1, [2]],
        "3": "null",
        "f": "len",
        "c": "int",
        "s": "shown",
        "nan": "nan",
    }
    assert "0x" not in str(tree(Plain()))
    assert tree(Raises()) == "<Raises>"
    assert "…" in json.dumps(tree(loop), ensure_ascii=False)
    assert len(tree("x" * 10_000)) == 2_000
