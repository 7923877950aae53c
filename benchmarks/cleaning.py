"""Time `preflare.clean` against a loop over spectra, side by side on one core.

Run with ``python -m benchmarks.cleaning``. The real spectra that travel with preflare are
repeated into a raster as long as an observation of the study, written as an uncompressed level 2
file. Both ways clean it in turn, several times, from the file to profiles in memory; both give
the same result.
"""

import platform
import statistics
import tempfile
import time
from importlib import metadata
from pathlib import Path

import dask
import numpy as np
from astropy.io import fits

import preflare as pf
from benchmarks.reference import clean_loop

EXPOSURES = 116
"""Makes 126,904 spectra: what an observation contributes to the paper, 2.4 million over 19."""
ROUNDS = 5


def write_long_raster(path: Path, exposures: int = EXPOSURES) -> None:
    """Repeat the exposures of the real raster until there are so many."""
    with fits.open(pf.shipped(pf.SAMPLE_RASTER)) as hdus:
        repeats = np.arange(exposures) % hdus[1].shape[0]
        window = fits.ImageHDU(hdus[1].data[repeats])
        for key in ("CRVAL*", "CRPIX*", "CDELT*", "CTYPE*", "PC*_*"):
            window.header.update(hdus[1].header[key])
        auxiliary = fits.ImageHDU(hdus[2].data[repeats], hdus[2].header)
        fits.HDUList([fits.PrimaryHDU(header=hdus[0].header), window, auxiliary]).writeto(path)


def main() -> None:
    slow_times, fast_times = [], []
    with tempfile.TemporaryDirectory() as folder, dask.config.set(scheduler="synchronous"):
        path = Path(folder) / "raster.fits"
        write_long_raster(path)
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            raster = pf.read_raster(path)
            profiles, _, flags = clean_loop(
                raster.intensity.compute(), raster.wavelength, raster.exposure
            )
            middle = time.perf_counter()
            cube = pf.clean(pf.read_raster(path)).load()
            slow_times.append(middle - start)
            fast_times.append(time.perf_counter() - middle)
        np.testing.assert_array_equal(cube.flags.values[0], flags)
        np.testing.assert_allclose(cube.intensity.values[0], profiles, atol=1e-6)

    count = flags.size
    ratios = [slow / fast for slow, fast in zip(slow_times[1:], fast_times[1:], strict=True)]
    slow, fast = (statistics.median(times[1:]) / count * 1e6 for times in (slow_times, fast_times))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "dask"))
    print(f"{count:,} spectra, {ROUNDS} rounds after one warm-up, one core, from file to memory")
    print(f"{platform.machine()}, Python {platform.python_version()}, {versions}")
    print(f"loop over spectra  {slow:6.1f} us a spectrum")
    print(f"preflare.clean     {fast:6.1f} us a spectrum")
    print(f"ratio: median {statistics.median(ratios):.1f}, {min(ratios):.1f} to {max(ratios):.1f}")


if __name__ == "__main__":
    main()
