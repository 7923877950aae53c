"""Cleaning an observation larger than the memory of most laptops stays under 1 GB."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import preflare as pf

GIGABYTE = 10**9

CLEAN = """
import json, pathlib, re, resource, sys
import preflare as pf
cube = pf.clean(pf.read_raster(sys.argv[1]))
pf.write_cube(cube, sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
peak *= 1 if sys.platform == "darwin" else 1024
status = pathlib.Path("/proc/self/status")
if status.exists():  # Linux: ru_maxrss outlives exec, and so counts the tests' own memory
    peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
print(json.dumps({"peak": peak, "spectra": int(cube.peak.size)}))
"""


def write_sparse_raster(path: Path, size: int) -> int:
    """Write a sit-and-stare of about `size` bytes of zeros, which take no room on the disk."""
    with fits.open(pf.shipped(pf.SAMPLE_RASTER)) as hdus:
        primary, window = hdus[0].header.copy(), hdus[1].header
        slit, points = window["NAXIS2"], window["NAXIS1"]
        exposures = size // (4 * slit * points)
        header = fits.Header([("XTENSION", "IMAGE"), ("BITPIX", -32), ("NAXIS", 3),
                              ("NAXIS1", points), ("NAXIS2", slit), ("NAXIS3", exposures),
                              ("PCOUNT", 0), ("GCOUNT", 1)])  # fmt: skip
        for keys in ("CRVAL*", "CRPIX*", "CDELT*", "CTYPE*"):
            header.update(window[keys])
        rows = np.tile(hdus[2].data[:1], (exposures, 1))
        rows[:, hdus[2].header["TIME"]] = 9.0 * np.arange(exposures)
        auxiliary = fits.ImageHDU(rows, hdus[2].header)
        primary["NRASTERP"] = 1
        fits.PrimaryHDU(header=primary).writeto(path)
        with path.open("ab") as stream:
            stream.write(header.tostring().encode())
            bytes_of_data = 4 * slit * points * exposures
            stream.truncate(stream.tell() + bytes_of_data + -bytes_of_data % 2880)
        fits.append(path, auxiliary.data, auxiliary.header)
    return exposures * slit


@pytest.fixture(scope="module")
def huge(tmp_path_factory, thorough):
    path = tmp_path_factory.mktemp("huge") / "raster.fits"
    spectra = write_sparse_raster(path, (20 if thorough else 5) * GIGABYTE)
    yield path, spectra
    path.unlink()


def test_many_gigabytes_are_cleaned_in_less_than_one(huge, tmp_path):
    path, spectra = huge
    assert path.stat().st_size > 4.9 * GIGABYTE
    done = subprocess.run(
        [sys.executable, "-c", CLEAN, str(path), str(tmp_path / "cube.zarr")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert result["spectra"] == spectra
    assert result["peak"] < GIGABYTE
    with pf.open_cube(tmp_path / "cube.zarr") as cube:
        sample = cube.flags.isel(time=slice(None, None, 500)).values
    np.testing.assert_array_equal(sample & pf.Rule.LOW_SIGNAL, pf.Rule.LOW_SIGNAL)
