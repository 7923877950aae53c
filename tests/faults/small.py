"""A study of a few real spectra, small enough to be killed again and again."""

from datetime import datetime, timedelta
from functools import cache
from io import BytesIO

import numpy as np
from astropy.io import fits

import preflare as pf
from preflare.manifest import Holding, Manifest, entries_of
from preflare.quietsun import QuietSun
from preflare.rules import accepted
from preflare.sources import SHIPPED_QUIET_SUN
from preflare.splits import Split

NAMES = ("PF 13", "PF 14", "AR 3", "AR 4")
SLIT = 12
"""Pixels along the slit."""
APART = 75.0
"""Seconds from one raster to the next: flares begin before the last of three."""


@cache
def _bright():
    """Give neighbouring real spectra of an active region, and the headers that belong to them."""
    path = pf.shipped(pf.SAMPLE_RASTER)
    quiet_sun = QuietSun.load(pf.shipped(SHIPPED_QUIET_SUN))
    cube = quiet_sun.flag(pf.clean(pf.read_raster(path)).load())
    keep = accepted(cube)[0].all(axis=0)
    first = int(np.convolve(keep, np.ones(SLIT), "valid").argmax())
    with fits.open(path) as hdus:
        data = hdus[1].data[:, first : first + SLIT].astype(np.float32)
        return data, hdus[0].header.copy(), hdus[1].header.copy(), hdus[2].copy()


def raster(observation_id, number):
    """Give the name and the content of a level 2 raster with noise of its own."""
    data, primary, window, auxiliary = _bright()
    draws = np.random.default_rng([int(observation_id[:8]), number])
    data = (data * draws.uniform(0.95, 1.05, data.shape)).astype(np.float32)
    start = _start(observation_id)
    header = primary.copy()
    header["OBSID"] = observation_id[-10:]
    header["STARTOBS"] = start.isoformat(timespec="milliseconds")
    begins = start + timedelta(seconds=APART * number)
    header["DATE_OBS"] = begins.isoformat(timespec="milliseconds")
    header["DATE_END"] = (begins + timedelta(seconds=27)).isoformat(timespec="milliseconds")
    image = fits.ImageHDU(data)
    for keys in ("CRVAL*", "CRPIX*", "CDELT*", "CTYPE*", "PC*"):
        image.header.update({k: v for k, v in window[keys].items() if "PCOUNT" not in k})
    rows = auxiliary.data.copy()
    column = auxiliary.header["TIME"]
    rows[:, column] += APART * number - rows[0, column]
    hdus = fits.HDUList([fits.PrimaryHDU(header=header), image])
    hdus.append(fits.ImageHDU(rows, auxiliary.header))
    stream = BytesIO()
    hdus.writeto(stream)
    return f"iris_l2_{observation_id}_raster_t000_r{number:05d}.fits", stream.getvalue()


def fill(folder):
    """Put a few observations where ``preflare fetch`` would."""
    manifest = Manifest(folder)
    for name in NAMES:
        own = pf.observation(name).observation_id
        (folder / own).mkdir(parents=True)
        for number in range(3):
            file, content = raster(own, number)
            (folder / own / file).write_bytes(content)
        files = sorted((folder / own).iterdir())
        entries = entries_of(files, folder, {file.name: ("https://a", "") for file in files})
        flare = _start(own) + timedelta(seconds=1.5 * APART)
        onset = flare.isoformat(timespec="milliseconds") if name.startswith("PF") else ""
        manifest.record(Holding(own, "", "", False, False, onset, 0, tuple(entries)))


def split(data):
    """Give a split of a study's spectra, of which every fourth is tested on."""
    every = np.arange(len(data.labels))
    pf_, ar = every[data.labels == 1], every[data.labels == 0]
    count = min(pf_.size, ar.size)
    both = np.sort(np.concatenate([pf_[:count], ar[:count]]))
    test = np.isin(np.arange(both.size) % 4, [0])
    return Split(train=both[~test], test=both[test])


def _start(observation_id):
    return datetime.strptime(observation_id[:15], "%Y%m%d_%H%M%S")
