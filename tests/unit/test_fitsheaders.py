"""Headers that say what cannot be are refused before anything is as large or long as they say."""

import gzip
import threading
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from astropy.io import fits

import preflare as pf
from preflare.errors import RasterError
from preflare.fitsheaders import most_unpacked, number, text, whole

PLAIN, TILED = {}, {"compression_type": "GZIP_2", "quantize_level": 0.0}


def edited(path, hdu, key, value):
    """Write a card of a file anew, byte for byte, or in the place of the last one."""
    content = bytearray(path.read_bytes())
    starts = [at for at in range(0, len(content), 2880)
              if content[at : at + 8] in (b"SIMPLE  ", b"XTENSION")]  # fmt: skip
    at = starts[hdu]
    while content[at : at + 8] not in (f"{key:8}".encode(), b"END     "):
        at += 80
    at -= 80 * (content[at : at + 3] == b"END")
    content[at : at + 80] = f"{key:8}= {value:>20}".ljust(80).encode("latin-1")
    path.write_bytes(content)
    return path


HUGE = "1000000000000"
WRONG = {
    "a huge window": (PLAIN, [(2, "NAXIS1", HUGE), (2, "NAXIS2", "0")], "more than IRIS takes"),
    "a long window": (PLAIN, [(2, "NAXIS3", HUGE), (2, "NAXIS2", "0")], "more than IRIS takes"),
    "no groups": (PLAIN, [(2, "GCOUNT", "0")], "GCOUNT = 0 and not 1 or more"),
    "negative room": (PLAIN, [(2, "PCOUNT", "-9")], "PCOUNT = -9 and not 0 or more"),
    "axes without end": (PLAIN, [(2, "NAXIS", HUGE)], "and not 0 to 999"),
    "no number of bits": (PLAIN, [(2, "BITPIX", "7")], "BITPIX = 7 and not one of the standard's"),
    "other bits": (PLAIN, [(2, "BITPIX", "32")], "as no level 2 file does"),
    "no scale": (PLAIN, [(2, "BSCALE", "0.0")], "BSCALE = 0, as no level 2 file does"),
    "endless zero": (PLAIN, [(2, "BZERO", "1E300")], "BZERO = 1e\\+300 and not a number"),
    "dispersion as text": (PLAIN, [(2, "CDELT1", "'NaN'")], "CDELT1 = 'NaN' and not a number"),
    "endless dispersion": (PLAIN, [(2, "CDELT1", "1E300")], "CDELT1 = 1e\\+300 and not a number"),
    "endless offset": (PLAIN, [(2, "PC3_2", "1E300")], "PC3_2 = 1e\\+300 and not a number"),
    "many windows": (PLAIN, [(0, "NWIN", "2000000000")], "NWIN = 2000000000 and not 0 to 99"),
    "window as text": (PLAIN, [(0, "TWMIN1", "'x'")], "TWMIN1 = 'x' and not a number"),
    "window backwards": (PLAIN, [(0, "TWMAX2", "17.0")], "goes from 2790.49 to 17.00 Å"),
    "no positions": (PLAIN, [(0, "NRASTERP", "0")], "NRASTERP = 0 and not 1 or more"),
    "a path": (PLAIN, [(0, "OBSID", "'../../evil'")], "does not say which observation"),
    "not long ago": (PLAIN, [(0, "STARTOBS", "'now'")], "does not say which observation"),
    "never": (PLAIN, [(0, "STARTOBS", "'NaT'")], "does not say which observation"),
    "before IRIS": (PLAIN, [(0, "STARTOBS", "'1858-11-17'")], "does not say which observation"),
    "no such day": (PLAIN, [(0, "STARTOBS", "'2014-02-30'")], "does not say which observation"),
    "last column": (PLAIN, [(3, "EXPTIMEN", "-1")], "EXPTIMEN = -1 and not 0 to 3"),
    "same column": (PLAIN, [(3, "EXPTIMEN", "1")], "EXPTIMEN and TIME are the same"),
    "constant times": (PLAIN, [(3, "TIME", "0"), (3, "EXPTIMEN", "1")], "does not know the times"),
    "a foreign extension": (PLAIN, [(3, "XTENSION", "'FOREIGN'")], "no auxiliary extension"),
    "fields without end": (TILED, [(2, "TFIELDS", HUGE)], "and not 0 to 999"),
    "axes of tiles": (TILED, [(2, "ZNAXIS", "2147483647")], "and not 0 to 999"),
    "no axes of tiles": (TILED, [(2, "ZNAXIS", "0")], "not a number of axes"),
    "huge tiles": (TILED, [(2, "ZNAXIS1", HUGE)], "more than IRIS takes"),
    "missing tiles": (TILED, [(2, "ZNAXIS3", "100000")], "tiles of its compressed image"),
    "few bytes": (TILED, [(2, "ZTILE3", "9999999"), (2, "ZNAXIS3", "900000"), (2, "NAXIS2", "1"),
                          (2, "ZTILE2", "5")], "than IRIS takes"),
    "a column of nothing": (TILED, [(2, "TFORM1", "'?'")], "and not the format of a column"),
}  # fmt: skip


@pytest.mark.parametrize(("stored", "cards", "said"), WRONG.values(), ids=WRONG)
def test_a_header_that_says_what_cannot_be_is_refused_at_once(write_raster, stored, cards, said):
    path = write_raster(**stored)
    for hdu, key, value in cards:
        path = edited(path, hdu, key, value)
    tracemalloc.start()
    started = time.thread_time()
    try:
        with pytest.raises(RasterError, match=said) as caught:
            pf.read_raster(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.thread_time() - started < 5
    assert peak < 50 * 2**20


def test_a_keyword_of_size_that_is_there_twice_is_refused(write_raster):
    path = write_raster()
    content = path.read_bytes()
    twice = content.replace(b"PC3_2   =                0.001", b"NAXIS   =           2147483647")
    assert twice != content
    path.write_bytes(twice)
    with pytest.raises(RasterError, match="has NAXIS 2 times"):
        pf.read_raster(path)


@pytest.mark.parametrize("end", [b"END" + b"\0" * 77, b"\0" * 80, b"END 7".ljust(80)])
def test_a_header_whose_end_is_damaged_hides_nothing(write_raster, end):
    """Where one reader sees no end and another does, the second takes sizes nobody checked."""
    path = write_raster()
    content = bytearray(path.read_bytes())
    at = content.index(b"END" + b" " * 77, 2880)
    content[at : at + 80] = end
    path.write_bytes(content)
    with pytest.raises(RasterError, match=r"raster\.fits is (truncated or )?damaged"):
        pf.read_raster(path)


@pytest.mark.parametrize(
    ("behind", "read"),
    [(bytes(2880), True), (b" " * 99, True), (b"x" * 2880, False), (bytes(2**21), False)],
    ids=["zeros", "spaces", "something", "zeros without end"],
)
def test_behind_the_last_extension_is_padding_or_nothing(write_raster, behind, read):
    path = write_raster()
    path.write_bytes(path.read_bytes() + behind)
    if read:
        assert pf.read_raster(path).intensity.shape == (3, 5, 633)
    else:
        with pytest.raises(RasterError, match="is no header"):
            pf.read_raster(path)


def test_extensions_behind_one_without_a_name_are_not_taken_on_trust(write_raster):
    path = edited(write_raster(**TILED), 2, "TFIELDS", HUGE)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"XTENSION= 'IMAGE", b"YTENSION= 'IMAGE", 1))
    with pytest.raises(RasterError, match="is no header"):
        pf.read_raster(path)


def test_a_tile_that_lies_beyond_all_places_is_no_warning(write_raster):
    path = write_raster(**TILED)
    content = bytearray(path.read_bytes())
    with fits.open(path, disable_image_compression=True) as hdus:
        table = hdus[2].fileinfo()["datLoc"]
    content[table : table + 8] = b"\x7f\xff\xff\xff" * 2
    path.write_bytes(content)
    with pytest.raises(RasterError, match=r"raster\.fits is damaged") as caught:
        pf.read_raster(path).intensity.compute(scheduler="synchronous")
    assert "Warning" not in str(caught.value)


@pytest.mark.parametrize("seconds", [1e300, np.inf, np.nan, 1e10])
def test_times_that_no_observation_has_are_refused_without_a_warning(write_raster, seconds):
    path = write_raster()
    with fits.open(path, mode="update") as hdus:
        hdus[3].data[1, 1] = seconds
    with pytest.raises(RasterError, match="does not know the times"):
        pf.read_raster(path)


def test_times_that_are_all_the_same_are_refused(write_raster):
    path = write_raster()
    with fits.open(path, mode="update") as hdus:
        hdus[3].data[:, 1] = 9.0
    with pytest.raises(RasterError, match="does not know the times"):
        pf.read_raster(path)


def test_light_beyond_all_numbers_is_no_warning(write_raster):
    spectra = np.tile(pf.read_raster(write_raster()).intensity.compute(), (1, 1, 1))
    spectra[0, 0, 300:302] = [3e38, -3e38]
    cube = pf.clean(pf.read_raster(write_raster(spectra, name="bright.fits"))).compute()
    assert not pf.accepted(cube)[0, 0, 0]
    assert pf.accepted(cube)[0, 1:].all()


def test_a_gzip_bomb_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("preflare.fitsheaders._ROOM", 2**20)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = tmp_path / "bomb.fits"
    path.write_bytes(gzip.compress(bytes(2**25)))
    assert most_unpacked(path.stat().st_size) < 2**25
    with pytest.raises(RasterError, match="unpacks to more than"):
        pf.read_raster(path)
    assert list(scratch.iterdir()) == []


def test_tiles_are_read_without_a_warning_of_their_table(write_raster):
    path = edited(write_raster(**TILED), 2, "TDISP1", "'?'")
    raster = pf.read_raster(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert raster.intensity.compute(scheduler="synchronous").shape == (3, 5, 633)


def test_several_threads_read_and_the_filters_of_warnings_stay(write_raster):
    path, before, failures = write_raster(**TILED), warnings.filters[:], []

    def read():
        try:
            for _ in range(5):
                pf.read_raster(path).intensity.compute(scheduler="synchronous")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert warnings.filters == before


def test_a_card_that_makes_no_sense_is_refused(write_raster):
    path = edited(write_raster(), 0, "TDESC2", "'Mg II\x01\x7f'")
    with pytest.raises(RasterError, match="a card of its headers cannot be read"):
        pf.read_raster(path)


def test_values_are_read_or_named(tmp_path):
    header = fits.Header({"A": 3, "B": 2.5, "C": "x" * 60, "D": True})
    assert whole(tmp_path, header, "A") == 3
    assert number(tmp_path, header, "A") == 3.0
    assert number(tmp_path, header, "B") == 2.5
    assert number(tmp_path, header, "Z", 7) == 7
    assert text(tmp_path, header, "A", "") == "3"
    for read, key in ((whole, "B"), (whole, "C"), (number, "C"), (number, "D"), (whole, "D")):
        with pytest.raises(RasterError, match=f"has {key} = "):
            read(tmp_path, header, key)
    with pytest.raises(RasterError, match="lacks Z"):
        whole(tmp_path, header, "Z")
    with pytest.raises(RasterError, match="A = 3 and not 5 to 9"):
        whole(tmp_path, header, "A", least=5, most=9)
