"""What sunpy brings becomes what a study has; NOAA's own files, cut short, travel with sunpy."""

import importlib.util
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from astropy.time import Time

from preflare import xrays
from preflare.errors import ArchiveError
from preflare.xrays import curve, first_of_class, flare_onset, flux

START = datetime(2014, 3, 29, 14)


@pytest.fixture
def frame():
    minutes = pd.date_range(START, periods=5, freq="min")
    return pd.DataFrame(
        {"xrsb": [1e-6, 2e-6, np.nan, -1e-9, 5e-6], "xrsb_quality": [0, 16, 0, 0, 9]}, minutes
    )


def test_flux_that_is_flagged_negative_or_nan_is_left_out_and_counted(frame):
    table = curve(frame, START, START + timedelta(minutes=4))
    assert list(table["time"]) == ["2014-03-29T14:00:00.000", "2014-03-29T14:01:00.000"]
    assert list(table["flux"]) == [1e-6, 2e-6]
    assert table["flux"].unit == "W / m2"
    assert table.meta["left_out"] == 3


def test_without_flags_all_that_is_positive_counts(frame):
    table = curve(frame[["xrsb"]], START, START + timedelta(minutes=4))
    assert list(table["flux"]) == [1e-6, 2e-6, 5e-6]


def test_only_the_time_counts(frame):
    table = curve(frame, START + timedelta(seconds=30), START + timedelta(minutes=1))
    assert list(table["flux"]) == [2e-6]
    assert table.meta["left_out"] == 0


@pytest.mark.parametrize("start", [START + timedelta(minutes=2), START + timedelta(days=1)])
def test_flux_that_is_nowhere_good_is_one_sentence(frame, start):
    with pytest.raises(ArchiveError, match="is good: do without it"):
        curve(frame, start, start + timedelta(minutes=4))


def test_the_onset_is_of_the_first_flare_of_the_class_after_the_start():
    flares = [("X1.0", START + timedelta(hours=h)) for h in (9, -1, 3)]
    flares.append(("X1.1", START + timedelta(hours=1)))
    assert first_of_class(flares, "X1.0", START) == START + timedelta(hours=3)
    with pytest.raises(ArchiveError, match=r"no M1\.0 flare in the 24 hours from 2014-03-29 14"):
        first_of_class(flares, "M1.0", START)


class Fido:
    """Answers in the place of sunpy's, with tables that have the columns of sunpy's."""

    def __init__(self, monkeypatch, **answer):
        net = pytest.importorskip("sunpy.net")
        if importlib.util.find_spec("h5netcdf") is None:
            monkeypatch.setitem(sys.modules, "h5netcdf", sys)  # asked for, and not used
        self.answer, self.files, self.fetched = answer, [], None
        monkeypatch.setattr(net, "Fido", self)

    def search(self, *query):
        self.query = query
        return self.answer

    def fetch(self, rows, *, path, progress):
        self.fetched = rows
        return self.files


def test_the_flare_list_is_asked_for_a_day_of_goes_flares(monkeypatch):
    times = Time(["2014-03-29T13:00", "2014-03-29T17:35"])
    rows = Table({"fl_goescls": ["X1.0", "X1.0 "], "event_starttime": times})
    fido = Fido(monkeypatch, hek=rows)
    assert flare_onset("X1.0", START) == datetime(2014, 3, 29, 17, 35)
    assert fido.query[0].start == Time(START)
    assert fido.query[0].end == Time(START + timedelta(hours=24))


def test_a_flare_list_that_cannot_be_had_is_one_sentence(monkeypatch):
    Fido(monkeypatch, hek=Table({"other": [1]}))
    with pytest.raises(ArchiveError, match=r"The flare list cannot be had, KeyError") as caught:
        flare_onset("X1.0", START)
    assert "\n" not in str(caught.value)


def rows(*satellites):
    return Table({"SatelliteNumber": satellites, "url": [f"https://noaa/{n}" for n in satellites]})


def test_noaas_own_file_is_read_and_satellites_are_not_mixed(monkeypatch, tmp_path):
    pytest.importorskip("h5netcdf", reason="sunpy reads NOAA's files by it")
    import sunpy

    fido = Fido(monkeypatch, xrs=rows(14, 15, 15))
    folder = Path(sunpy.__file__).parent / "data" / "test"
    fido.files = [str(folder / "sci_xrsf-l2-avg1m_g15_d20190102_truncated.nc")]
    start = datetime(2019, 1, 2)
    table, addresses = flux(start, start + timedelta(minutes=5), tmp_path)
    assert list(fido.fetched["SatelliteNumber"]) == [15, 15]
    assert addresses == ["https://noaa/15", "https://noaa/15"]
    assert table.meta["satellite"] == "GOES-15"
    assert (len(table), table.meta["left_out"]) == (6, 0)
    assert (table["flux"] > 0).all()
    assert table["time"][0].startswith("2019-01-02T00:0")


@pytest.mark.parametrize(
    ("answer", "said"), [({"xrs": rows()}, "has no X-ray flux"), ({}, "no X-")]
)
def test_without_files_there_is_no_flux(monkeypatch, tmp_path, answer, said):
    Fido(monkeypatch, **answer)
    with pytest.raises(ArchiveError, match=said):
        flux(START, START + timedelta(hours=1), tmp_path)


def test_a_download_that_fails_is_one_sentence(monkeypatch, tmp_path):
    fido = Fido(monkeypatch, xrs=rows(15))
    fido.files = type("Results", (list,), {"errors": ["no"]})()
    with pytest.raises(ArchiveError, match="cannot be downloaded from NOAA"):
        flux(START, START + timedelta(hours=1), tmp_path)


@pytest.mark.parametrize("missing", ["sunpy.net", "h5netcdf"])
def test_without_the_extra_it_is_named(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ArchiveError, match=r"pip install 'preflare\[goes\]'"):
        xrays.flare_onset("X1.0", START)
