"""Nothing that an archive holds gets outside, fills the disk, or passes for whole if it is not."""

import gzip
import io
import tarfile
from contextlib import suppress

import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from preflare.errors import ArchiveError
from preflare.unpack import LONGEST_NAME, gunzip, members
from tests.archive_server import packed

SMALL = packed([("a.fits", b"A" * 3000), ("sub/b.fits", b"B")])
FILES = [("a.fits", b"A" * 700_000), ("sub/b.fits", b"B"), ("./c.fits", b"")]


@pytest.fixture
def archive_of(tmp_path):
    def write(content):
        path = tmp_path / "x.tar.gz"
        path.write_bytes(content)
        return path

    return write


def special(kind, name="a.fits", **fields):
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in fields.items():
        setattr(member, key, value)
    return member


def folder():
    return special(tarfile.DIRTYPE, "sub/")


def test_every_file_is_streamed_in_turn_and_folders_are_passed_by(archive_of, tmp_path):
    path = archive_of(packed([(folder(), b""), *FILES]))
    seen = {}
    for each in members(path, limit=10**6):
        each.copy(tmp_path / each.name)
        seen[each.name] = (tmp_path / each.name).read_bytes()
    assert seen == {"a.fits": b"A" * 700_000, "b.fits": b"B", "c.fits": b""}


def test_files_that_are_passed_by_are_not_read_into_the_next(archive_of, tmp_path):
    path = archive_of(packed(FILES))
    for each in members(path, limit=10**6):
        if each.name == "b.fits":
            each.copy(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"B"


def test_the_primary_header_is_read_while_a_file_streams_by(archive_of, tmp_path):
    stream = io.BytesIO()
    fits.PrimaryHDU(header=fits.Header({"DATE_OBS": "2014-03-29T14:09:39"})).writeto(stream)
    path = archive_of(packed([("a.fits", stream.getvalue()), ("b.fits", b"SIMPLE  =" * 99)]))
    first, second = [(each.header(), each.copy(tmp_path / each.name))[0] for each in
                     members(path, limit=10**6)]  # fmt: skip
    assert first["DATE_OBS"] == "2014-03-29T14:09:39"
    assert second is None
    assert (tmp_path / "a.fits").read_bytes() == stream.getvalue()


def test_a_comment_that_ends_in_end_does_not_end_a_header(archive_of):
    comment = "COMMENT" + "END".rjust(73)
    cards = ["SIMPLE  =                    T", comment, "", "", "DATE_OBS= '2014-03-29'", "END"]
    path = archive_of(
        packed([("a.fits", "".join(f"{card:80}" for card in cards).ljust(2880).encode())])
    )
    assert [each.header()["DATE_OBS"] for each in members(path, limit=10**6)] == ["2014-03-29"]


HOSTILE = {
    "climbs out": ([("../a.fits", b"")], "would write outside"),
    "climbs out later": ([("sub/../../a.fits", b"")], "would write outside"),
    "climbs out on Windows": ([("..\\a.fits", b"")], "would write outside"),
    "absolute": ([("/etc/a.fits", b"")], "would write outside"),
    "folder outside": ([(special(tarfile.DIRTYPE, "../up/"), b"")], "would write outside"),
    "symbolic link": ([(special(tarfile.SYMTYPE, linkname="/etc/passwd"), b"")], "holds a link"),
    "hard link": ([(special(tarfile.LNKTYPE, linkname="/etc/passwd"), b"")], "holds a link"),
    "character device": ([(special(tarfile.CHRTYPE), b"")], "no plain file"),
    "block device": ([(special(tarfile.BLKTYPE), b"")], "no plain file"),
    "pipe": ([(special(tarfile.FIFOTYPE), b"")], "no plain file"),
    "twice": ([("a.fits", b"1"), ("a.fits", b"2")], "holds 'a.fits' twice"),
    "twice, in two folders": ([("a.fits", b"1"), ("b/a.fits", b"2")], "twice"),
    "behind a good one": ([("a.fits", b"1"), ("../b", b"2")], "would write outside"),
    "endless name": ([("n" * (LONGEST_NAME + 9), b"")], "a name of"),
    "nothing": ([], "is empty"),
    "only a folder": ([(folder(), b"")], "is empty"),
}


@pytest.mark.parametrize(("files", "said"), HOSTILE.values(), ids=HOSTILE)
def test_an_archive_that_could_do_harm_is_refused(archive_of, files, said):
    path = archive_of(packed(files))
    with pytest.raises(ArchiveError, match=said) as caught:
        list(members(path, limit=10**6))
    assert "x.tar.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def sparse():
    member = special(tarfile.REGTYPE)
    member.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "a.fits",
        "GNU.sparse.size": "1000000000000", "GNU.sparse.map": "0,1",
    }  # fmt: skip
    return member


def test_a_sparse_file_is_refused(archive_of):
    with pytest.raises(ArchiveError, match="no plain file"):
        list(members(archive_of(packed([(sparse(), b"")])), limit=10**15))


def test_a_bomb_is_refused_by_what_it_declares(archive_of):
    """A terabyte is declared in a header; none of it is read."""
    path = archive_of(gzip.compress(special(tarfile.REGTYPE, size=10**12).tobuf()))
    with pytest.raises(ArchiveError, match=r"holds 1,000,000\.0 MB or more, and the limit is"):
        list(members(path, limit=10**9))


def test_many_small_files_add_up_to_the_limit(archive_of):
    path = archive_of(packed([(f"{n}.fits", b"x" * 100) for n in range(20)]))
    assert len(list(members(path, limit=2000))) == 20
    with pytest.raises(ArchiveError, match="the limit"):
        list(members(path, limit=1999))


DAMAGE = {
    "cut off in a file": lambda plain: plain[:300_000],
    "cut off between files": lambda plain: plain[: 512 + 700_416],
    "header overwritten": lambda plain: plain[:700_928] + b"!" * 512 + plain[701_440:],
    "no tar": lambda plain: b"hello" * 1000,
    "nothing at all": lambda plain: b"",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_archive_is_never_taken_for_a_shorter_one(archive_of, damage):
    with pytest.raises(ArchiveError, match=r"damaged|is empty"):
        list(members(archive_of(packed(FILES, damage=damage)), limit=10**7))


@pytest.mark.parametrize("cut", [1, 8, 9, 200])
def test_a_gzip_stream_that_is_cut_off_is_found(archive_of, cut):
    content = packed(FILES)
    with pytest.raises(ArchiveError, match="its end is missing"):
        list(members(archive_of(content[:-cut]), limit=10**7))


def test_a_wrong_checksum_behind_the_last_file_is_found(archive_of):
    content = bytearray(packed(FILES))
    content[-7] ^= 1
    with pytest.raises(ArchiveError, match="CRC"):
        list(members(archive_of(bytes(content)), limit=10**7))


def test_what_is_no_gzip_is_one_sentence(archive_of):
    with pytest.raises(ArchiveError, match="damaged"):
        list(members(archive_of(b"not gzip"), limit=10**7))


def test_a_gzipped_file_is_unpacked_up_to_a_limit(archive_of, tmp_path):
    path = archive_of(gzip.compress(b"x" * 5000))
    gunzip(path, tmp_path / "x", limit=5000)
    assert (tmp_path / "x").read_bytes() == b"x" * 5000
    with pytest.raises(ArchiveError, match="holds more than the limit"):
        gunzip(path, tmp_path / "y", limit=4999)


def test_a_damaged_gzipped_file_is_one_sentence(archive_of, tmp_path):
    with pytest.raises(ArchiveError, match="damaged"):
        gunzip(archive_of(gzip.compress(b"x" * 5000)[:-3]), tmp_path / "x", limit=5000)


@given(st.integers(0, 2**31), st.integers(1, 255))
@settings(max_examples=150)
def test_whatever_byte_is_wrong_it_is_an_error_or_does_not_matter(tmp_path_factory, place, flip):
    """The gzip stream has a checksum: what comes out without an error is what went in."""
    content = bytearray(SMALL)
    content[place % len(content)] ^= flip
    path = tmp_path_factory.getbasetemp() / "flipped.tar.gz"
    path.write_bytes(bytes(content))
    came = {}
    try:
        for each in members(path, limit=10**6):
            each.copy(path.with_name("member"))
            came[each.name] = path.with_name("member").read_bytes()
    except ArchiveError:
        return
    assert came == {"a.fits": b"A" * 3000, "b.fits": b"B"}


@given(st.integers(0, 2**31), st.binary(min_size=1, max_size=600))
@settings(max_examples=150)
def test_a_tar_archive_with_wrong_bytes_never_gives_another_error(tmp_path_factory, place, wrong):
    plain = gzip.decompress(SMALL)
    at = place % len(plain)
    path = tmp_path_factory.getbasetemp() / "wrong.tar.gz"
    path.write_bytes(gzip.compress(plain[:at] + wrong + plain[at + len(wrong) :], 1))
    with suppress(ArchiveError):
        for each in members(path, limit=10**6):
            each.header()
            each.copy(path.with_name("member"))
