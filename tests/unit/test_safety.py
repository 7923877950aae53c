"""Nothing that is read can run: no pickle, no shell, no code from elsewhere, no plain http."""

import ast
import pickle
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import preflare as pf
from preflare import archive
from preflare.artificial import FlareSpectra
from preflare.book import Book
from preflare.connection import refuse_unsafe
from preflare.errors import ArchiveError, BookError, CubeError, PreflareError
from preflare.labelled import LabelledSpectra
from preflare.quietsun import QuietSun
from preflare.twin.computing import read_one, spectrum_file
from preflare.twin.library import read_library
from preflare.weights import read_weights

ROOT = Book.found().root
SOURCES = sorted(
    path for folder in ("preflare", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
CHAPTERS = sorted([*(ROOT / "book").rglob("*.md"), *(ROOT / "solutions").glob("*.md")])
CELL = re.compile(
    r"^```\{code-cell\}[^\n]*\n(?:---\n.*?^---\n)?(.*?)^```$", re.DOTALL | re.MULTILINE
)

UNPICKLE = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
RUN = {"eval", "exec", "compile", "__import__"}
CALLS = {
    "os.system", "os.popen", "torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load",
    "yaml.load_all", "pd.read_pickle", "np.lib.format.read_array", "tempfile.mktemp",
}  # fmt: skip
SAFE_LOADS = {"np.load", "numpy.load"}
FORBIDDEN = {("shell", True), ("verify", False), ("allow_pickle", True), ("weights_only", False)}
UNPACK = {"extractall", "extract", "unpack_archive", "to_pickle"}


def dangers(text):
    """Name what a program does that must not be done, with the line."""
    tree = ast.parse(text)
    described = {id(node.body[0].value) for node in ast.walk(tree)
                 if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                 and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    found = []
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            found += [(line, each.name) for each in node.names
                      if each.name.split(".")[0] in UNPICKLE]  # fmt: skip
        elif isinstance(node, ast.ImportFrom):
            imported = [f"{node.module}.{each.name}" for each in node.names]
            if (node.module or "").split(".")[0] in UNPICKLE or CALLS & set(imported):
                found.append((line, node.module))
        elif isinstance(node, ast.Constant) and id(node) not in described:
            if isinstance(node.value, str) and re.match(r"http://\w", node.value):
                found.append((line, node.value))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {
                (each.arg, each.value.value)
                for each in node.keywords
                if isinstance(each.value, ast.Constant)
            }
            loads = name in SAFE_LOADS and ("allow_pickle", False) not in given
            unpacks = isinstance(node.func, ast.Attribute) and node.func.attr in UNPACK
            if name in RUN | CALLS or loads or unpacks or given & FORBIDDEN:
                found.append((line, ast.unparse(node)))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_does_what_could_run_what_it_reads(path):
    assert dangers(path.read_text(encoding="utf-8")) == []


def test_no_chapter_does_either():
    cells = {path.name: CELL.findall(path.read_text(encoding="utf-8")) for path in CHAPTERS}
    assert sum(map(len, cells.values())) > 50
    found = {}
    for name, each in cells.items():
        for cell in each:
            lines = [line for line in cell.splitlines() if not line.startswith((":", "%", "!"))]
            assert "!" not in {line[:1] for line in cell.splitlines()}, name
            if dangers("\n".join(lines)):
                found[name] = dangers("\n".join(lines))
    assert found == {}


PLANTED = (
    "import pickle", "from joblib import load", "import dill.session", "import a, marshal",
    "np.load(path)", "np.load(path, allow_pickle=True)", "np.load(path, None, True)",
    "torch.load(path)", "from torch import load", "yaml.load(text, Loader)", "eval(text)",
    "exec(text)", "subprocess.run(text, shell=True)", "os.system(text)",
    "requests.get(place, verify=False)", "archive.extractall(place)", "frame.to_pickle(path)",
    "shutil.unpack_archive(path)", "server = 'http://www.lmsal.com'", "pd.read_pickle(path)",
)  # fmt: skip
HARMLESS = (
    "np.load(path, allow_pickle=False)", "module.eval()", "re.compile(text)",
    "yaml.safe_load(text)", "subprocess.run([program])", "'''See http://www.lmsal.com.'''",
    "scheme = 'http'", "requests.get(place)", "ast.literal_eval(text)",
)  # fmt: skip


@pytest.mark.parametrize("text", PLANTED)
def test_what_is_planted_is_found(text):
    assert len(dangers(text)) == 1


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_is_not(text):
    assert dangers(text) == []


class Evil:
    """Leaves a file where it is unpickled."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


@pytest.fixture
def evil(tmp_path):
    """A pickle, and where it would leave a file; it is made sure that it does no such thing."""
    mark = tmp_path / "ran"
    pickle.loads(pickle.dumps(Evil(mark)))
    assert mark.exists()
    mark.unlink()
    yield Evil(mark)
    assert not mark.exists()


def objects(path, evil):
    fields = ("spectra", "codes", "names", "peak", "place", "radiance", "effort", "change", "floor")
    with path.open("wb") as file:
        np.savez(file, **{name: np.array([evil], object) for name in fields})


def pickled(path, evil):
    path.write_bytes(pickle.dumps(evil))


def nothing(path, evil):
    path.write_bytes(b"")


def one_array(path, evil):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def cut_off(path, evil):
    objects(path, evil)
    path.write_bytes(path.read_bytes()[:-40])


def of_computing(path):
    atmosphere = "an atmosphere"
    place = spectrum_file(path.parent, atmosphere)
    path.rename(place)
    try:
        read_one(path.parent, atmosphere)
    except PreflareError as error:
        raise type(error)(str(error).replace(str(place), str(path))) from error


NPZ = (LabelledSpectra.load, FlareSpectra.load, read_library, of_computing)


@pytest.mark.parametrize("make", [objects, pickled, nothing, one_array, cut_off])
@pytest.mark.parametrize("read", NPZ, ids=["labelled", "flares", "library", "computed"])
def test_an_npz_file_with_objects_or_none_is_refused_in_one_sentence(tmp_path, evil, make, read):
    path = tmp_path / "stored.npz"
    make(path, evil)
    with pytest.raises(PreflareError, match=r"stored\.npz cannot be read as a?.* \(.*\): \w.*\.$"):
        read(path)


@pytest.mark.parametrize("read", [read_weights, QuietSun.load, pf.Swarm.load])
def test_weights_are_those_of_safetensors_only(tmp_path, evil, read):
    path = tmp_path / "swarm.safetensors"
    pickled(path, evil)
    with pytest.raises(PreflareError, match=r"swarm\.safetensors") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_cube_of_the_format_that_may_ask_for_a_pickle_is_refused(tmp_path, evil):
    cube = pf.clean(pf.read_raster(pf.shipped(pf.SAMPLE_RASTER))).isel(slit=slice(0, 2)).compute()
    cube.attrs = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cube.to_zarr(tmp_path / "old.zarr", zarr_format=2, consolidated=False)
    with pytest.raises(CubeError, match=r"old\.zarr is not a cube"):
        pf.open_cube(tmp_path / "old.zarr")


@pytest.fixture
def book(tmp_path):
    """A book of one chapter, which leaves a file where it is run."""
    (tmp_path / "book").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "_config.yml").write_text("title: Small\n")
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    chapter = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# A\n"
    (tmp_path / "book" / "chapter.md").write_text(chapter)
    (tmp_path / "evil.md").write_text(chapter)
    contents(tmp_path, "chapter")
    return Book(tmp_path, tmp_path / "_build")


def contents(root, *names):
    listed = "".join(f"- file: {name}\n" for name in names)
    (root / "book" / "_toc.yml").write_text(f"format: jb-book\nroot: index\nchapters:\n{listed}")


@pytest.mark.parametrize("name", ["../evil", "../../evil", "/etc/passwd", "evil", "chapter.md", ""])
def test_only_chapters_of_the_book_are_run(book, name):
    with pytest.raises(BookError, match="has no chapter"):
        book.build(chapter=name)
    assert not book.folder.exists()


def test_a_chapter_that_leads_out_of_the_book_is_not_run(book):
    contents(book.root, "../evil")
    with pytest.raises(BookError, match=r"evil\.md lies outside of the book"):
        book.build()
    (book.root / "book" / "link.md").symlink_to(book.root / "evil.md")
    contents(book.root, "link")
    with pytest.raises(BookError, match=r"link\.md lies outside of the book"):
        book.build()
    assert not book.folder.exists()


def test_solutions_that_lead_elsewhere_are_not_run(book):
    (book.root / "solutions").mkdir()
    (book.root / "solutions" / "chapter-solutions.md").symlink_to(book.root / "evil.md")
    with pytest.raises(BookError, match="lies outside of the book"):
        book.build(solutions=True)
    assert not book.folder.exists()


def test_a_book_that_is_linked_as_a_whole_is_run(book):
    checkout = book.root / "checkout"
    checkout.mkdir()
    (checkout / "book").symlink_to(book.root / "book")
    assert [each.name for each in Book(checkout, checkout).chapters()] == ["chapter"]


def test_all_servers_that_are_asked_are_asked_over_tls():
    addresses = re.compile(r"""["'](https?://[^"'\s]+)""")
    asked = [archive.SERVER]
    hek = pytest.importorskip("sunpy.net.hek.hek")
    goes = pytest.importorskip("sunpy.net.dataretriever.sources.goes")
    asked += [hek.DEFAULT_URL, *addresses.findall(Path(goes.__file__).read_text())]
    assert len(asked) > 4
    for address in asked:
        assert address.startswith("https://")
        refuse_unsafe(address)
    with pytest.raises(ArchiveError, match="not protected by TLS"):
        refuse_unsafe(archive.SERVER.replace("https", "http"))
