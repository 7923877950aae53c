import numpy as np
import pytest

from preflare.twin import atmospheres as at
from preflare.twin.transfer import lightweaver


def test_the_electrons_are_those_of_fal_c_within_a_fifth_of_a_dex_on_average():
    falc = lightweaver().fal.Falc82()
    log_mass = np.log10(falc.cmass / 10)
    chromosphere = (log_mass > -4.92) & (log_mass < 0.8)
    share = at.electron_share(falc.temperature, falc.nHTot, log_mass)
    difference = np.log10(share * falc.nHTot / falc.ne)[chromosphere]
    assert np.sqrt(np.mean(difference**2)) < 0.2
    assert np.abs(difference).max() < 0.35


def test_a_column_is_in_hydrostatic_equilibrium():
    column = at.column(at.draw(at.ACTIVE, 1, 7)[0])
    particles = column.hydrogen * (1 + at.HELIUM) + column.electrons
    pressure = particles * at.BOLTZMANN * column.temperature
    np.testing.assert_allclose(pressure, at.GRAVITY * column.mass, rtol=1e-6)


def test_the_knots_are_met():
    atmosphere = at.Atmosphere(-4.5, 7500.0, 6000.0, 4400.0, -1.3)
    base = -4.5 + at.TRANSITION[-1, 0]
    places = np.array([base, 0.5 * (base - 1.3), -1.3])
    np.testing.assert_allclose(at.temperature(atmosphere, places), [7500, 6000, 4400], rtol=1e-9)
    assert at.temperature(atmosphere, np.array([-4.5])) == pytest.approx(at.CORONAL_EDGE)


@pytest.mark.parametrize("regime", at.REGIMES, ids=lambda regime: regime.name)
def test_draws_stay_in_their_ranges_and_repeat(regime):
    drawn = at.draw(regime, 20, 3)
    assert drawn == at.draw(regime, 20, 3)
    assert drawn != at.draw(regime, 20, 4)
    for atmosphere in drawn:
        for name in ("transition", "top", "middle", "minimum"):
            low, high = getattr(regime, name)
            assert low <= getattr(atmosphere, name) <= high
        column = at.column(atmosphere)
        assert 40 < column.mass.size < 100
        assert np.all(np.diff(column.mass) > 0)
        assert np.isfinite([column.temperature, column.electrons, column.hydrogen]).all()
        assert column.temperature.min() > 4000


def test_heating_and_flows_change_only_what_they_name():
    base = at.draw(at.ACTIVE, 1, 7)[0]
    calm = at.column(base)
    heated = at.column(at.with_triplet_heating(base, 2500.0, -3.0))
    log_mass = np.log10(calm.mass / 10)
    warmer = heated.temperature - calm.temperature
    assert warmer.max() == pytest.approx(2500.0, rel=0.1)
    assert np.abs(warmer[np.abs(log_mass + 3.0) > 0.7]).max() < 1.0
    np.testing.assert_array_equal(heated.velocity, calm.velocity)
    moved = at.column(at.with_flow(base, 20.0))
    np.testing.assert_array_equal(moved.temperature, calm.temperature)
    assert (moved.velocity - calm.velocity).max() == pytest.approx(20e3, rel=0.1)
