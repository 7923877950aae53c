// The profile that sliders make: the twin of preflare/playground/shape.py.

const LIGHT_KM_S = 299792.458;

/** Makes spectra on the grid, from constants that Python wrote. */
export class Profile {
  constructor(model) {
    this.model = model;
    this.wavelength = model.wavelength;
  }

  /** Return the light before it is cut off at zero and divided by its maximum. */
  light(values) {
    const { lines, transmission, damping, steepness, reversalWidth, triplet, tripletSigma } =
      this.model;
    const half = values.width / 2;
    return Float64Array.from(this.wavelength, (wavelength, point) => {
      let eaten = 1;
      let cores = 0;
      for (const name of ["k", "h"]) {
        const away = wavelength - lines[name];
        eaten += (damping / away) ** 2;
        const reach = (values.wing / LIGHT_KM_S) * lines[name];
        const side = Math.max(away < 0 ? -reach : reach, 0);
        const core = 2 ** -(Math.abs(away / (half + side)) ** steepness);
        const fromDip = away - (values.dip / LIGHT_KM_S) * lines[name];
        const dip = values.reversal * 2 ** -((fromDip / (reversalWidth * half)) ** 2);
        cores += values[name] * core * (1 - dip);
      }
      const bump = triplet.reduce(
        (sum, line) => sum + Math.exp(-0.5 * ((wavelength - line) / tripletSigma) ** 2),
        0,
      );
      return (
        (values.continuum * transmission[point]) / eaten +
        cores +
        (values.triplet * bump) / triplet.length
      );
    });
  }

  /** Return a spectrum changed as sliders change the profile nearest to it; null starts plain. */
  reshaped(spectrum, fitted, values) {
    const light = this.light(values);
    if (!spectrum) return normalised(light);
    const start = this.light(fitted);
    const top = Math.max(...start);
    return normalised(light.map((value, i) => spectrum[i] + (value - start[i]) / top));
  }
}

/** Return a profile with noise that grows as the square root of the light, as photons' does. */
export function noisy(spectrum, sigma, seed) {
  if (!sigma) return spectrum;
  const draw = normal(seed);
  return normalised(spectrum.map((value) => value + sigma * Math.sqrt(value) * draw()));
}

function normalised(light) {
  const top = Math.max(...light);
  return light.map((value) => Math.max(value, 0) / top);
}

/** Return a function that draws from the normal distribution, the same numbers for one seed. */
export function normal(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    // Mulberry32 by T. Ettinger, in the public domain.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return () =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
