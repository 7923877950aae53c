"""A spectrum's number is the one at its index in its own observation's cube."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_array_equal

from preflare.errors import FindingError
from preflare.findings.places import at_places

SPECTRA = ("time", "step", "slit")


def product(first=0.0, times=3):
    score = first + np.arange(times * 2 * 4, dtype=np.float32).reshape(times, 2, 4)
    maps = score[..., None] + np.linspace(0, 0.5, 240)
    return xr.Dataset({"score": (SPECTRA, score), "map": ((*SPECTRA, "wavelength"), maps)})


PRODUCT = {"PF 1": product(), "AR 3": product(1000.0, times=5)}
NAMES = ["AR 3", "PF 1", "AR 3", "PF 1"]
PLACE = np.array([[4, 1, 3], [2, 0, 1], [0, 0, 0], [0, 1, 2]])
EXPECTED = [1039.0, 17.0, 1000.0, 6.0]


@pytest.mark.parametrize("groups", [NAMES, pd.Categorical(NAMES)])
def test_each_spectrum_gets_its_own_number(groups):
    assert_array_equal(at_places(PRODUCT, "score", groups, PLACE), EXPECTED)


def test_maps_keep_their_wavelengths():
    turned = {name: each.transpose("slit", "wavelength", ...) for name, each in PRODUCT.items()}
    found = at_places(turned, "map", NAMES, PLACE)
    assert found.shape == (4, 240)
    assert_array_equal(found[:, 0], EXPECTED)
    assert_array_equal(found[:, -1], np.array(EXPECTED) + 0.5)


def test_spectra_of_which_nothing_is_known_are_refused():
    with pytest.raises(FindingError, match="nothing of AR 9"):
        at_places(PRODUCT, "score", ["AR 9"], PLACE[:1])
    rejected = {"PF 1": PRODUCT["PF 1"].where(PRODUCT["PF 1"]["score"] != 17)}
    with pytest.raises(FindingError, match="score of 1 of the 2 spectra of PF 1 is not known"):
        at_places(rejected, "score", ["PF 1", "PF 1"], PLACE[[1, 3]])
