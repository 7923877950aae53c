"""Damaged files end in a result or in one sentence, never in another error or a hang."""

import numpy as np
import pytest

import preflare as pf
from preflare.errors import PreflareError, RasterError

CARD = 80


def header_spans(content):
    """Bytes of each header of a file: from its first card to its END card."""
    starts = [at for at in range(0, len(content), 2880)
              if content[at : at + 9] in (b"SIMPLE  =", b"XTENSION=")]  # fmt: skip
    for start in starts:
        end = start
        while content[end : end + CARD].rstrip() != b"END":
            end += CARD
        yield start, end


def damage(content, rng):
    """Change a few bytes of a header or of the data, or give a card another value."""
    start, end = list(header_spans(content))[rng.integers(len(list(header_spans(content))))]
    kind = rng.integers(4)
    if kind == 0:
        for _ in range(rng.integers(1, 5)):
            content[rng.integers(start, end)] = rng.integers(256)
    elif kind == 1:
        card = start + CARD * rng.integers((end - start) // CARD)
        value = rng.choice(["-1", "0", "1", "99999999", "1E30", "NaN", "'text'", "T"])
        content[card + 10 : card + CARD] = f"{value:>20}".ljust(CARD - 10).encode()
    elif kind == 2:
        card = start + CARD * rng.integers((end - start) // CARD)
        content[card : card + CARD] = b" " * CARD
    else:
        at = rng.integers(end + CARD, len(content))
        content[at : at + 40] = rng.bytes(40)[: max(0, len(content) - at)]
    return content


@pytest.mark.parametrize("compression", [{}, {"compression_type": "GZIP_2", "quantize_level": 0.0}],
                         ids=["plain", "compressed"])  # fmt: skip
def test_damage_ends_in_a_result_or_one_sentence(write_raster, tmp_path, compression):
    sound = bytearray(write_raster(**compression).read_bytes())
    rng = np.random.default_rng(20140329)
    path, cut = tmp_path / "damaged.fits", tmp_path / "cut.fits"
    results, sentences = 0, []
    for _ in range(250):
        path.write_bytes(damage(sound.copy(), rng))
        for use in (
            lambda: pf.clean(pf.read_raster(path)).load(),
            lambda: pf.cutout(path, cut, force=True),
        ):
            try:
                use()
                results += 1
            except PreflareError as error:
                sentences.append(str(error))
    assert min(results, len(sentences)) > 50
    assert [text for text in sentences if str(path) not in text or "\n" in text] == []
    assert [entry.name for entry in tmp_path.iterdir() if "unfinished" in entry.name] == []


def test_data_of_negative_size_do_not_send_the_reader_in_circles(write_raster):
    path = write_raster()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"GCOUNT  =                    1",
                                     b"GCOUNT  =                   -1"))  # fmt: skip
    with pytest.raises(RasterError, match="GCOUNT = -1 and not 1 or more"):
        pf.read_raster(path)


def test_a_block_that_cannot_be_unpacked_names_the_file(write_raster, tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.uniform(100, 900, (3, 40, 633)).astype(np.float32)
    path = write_raster(noise, compression_type="GZIP_2", quantize_level=0.0)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(RasterError, match=r"raster\.fits is damaged"):
        pf.write_cube(pf.clean(pf.read_raster(path)), tmp_path / "cube.zarr")
    assert not (tmp_path / "cube.zarr").exists()
