// A swarm in the browser: scores, Grad-CAM and expected gradients, equal to those of Python.

import { FIRST, Network, POINTS, UNITS, WEIGHTS } from "preflare/network";

const CENTRE = 23; // the point in the middle of what the first unit of the last maps sees
const STRIDE = 9;

/** Members, and the spectra that explanations compare with. */
export class Swarm {
  /**
   * @param weights (members, 363)
   * @param baselines (m, 240)
   * @param expected (members,) mean PF logit over all baselines
   * @param draws by number of samples: {place, alpha}, each (members, samples)
   */
  constructor({ weights, baselines, expected, draws }) {
    this.size = weights.length / WEIGHTS;
    this.networks = Array.from(
      { length: this.size },
      (_, member) => new Network(weights.subarray(WEIGHTS * member, WEIGHTS * (member + 1))),
    );
    this.baselines = baselines;
    this.expected = expected;
    this.draws = draws;
    this.mean = meanRow(baselines, Array.from({ length: baselines.length / POINTS }, (_, i) => i));
    this.ready = new Map();
  }

  /** Return each member's probability of PF, and its PF logit. */
  scores(spectrum) {
    const probability = new Float64Array(this.size);
    const logit = new Float64Array(this.size);
    this.networks.forEach((network, member) => {
      const [ar, pf] = network.forward(spectrum);
      probability[member] = 1 / (1 + Math.exp(ar - pf));
      logit[member] = pf;
    });
    return { probability, logit };
  }

  /** Return a member's Grad-CAM for PF (240), by Eqs. B.1 and B.2, its units put where they see. */
  gradCam(member, spectrum) {
    const network = this.networks[member];
    network.forward(spectrum);
    const weights = network.mapWeights();
    const heat = new Float64Array(UNITS);
    for (let unit = 0; unit < UNITS; unit++) {
      let sum = 0;
      for (let map = 0; map < weights.length; map++) {
        sum += weights[map] * network.maps[UNITS * map + unit];
      }
      heat[unit] = Math.max(sum, 0);
    }
    const placed = new Float64Array(POINTS);
    for (let point = 0; point < POINTS; point++) {
      const at = Math.min(Math.max((point - CENTRE) / STRIDE, 0), UNITS - 1);
      const left = Math.min(Math.floor(at), UNITS - 2);
      placed[point] = heat[left] + (at - left) * (heat[left + 1] - heat[left]);
    }
    return placed;
  }

  /**
   * Return a member's expected gradients of the PF logit (240).
   *
   * As preflare.explain.expected_gradients.attribute: E[x - x'] E[g] less the covariance of x' and
   * g, where the mean of x' is that of all baselines and the rest is estimated from the draws.
   */
  expectedGradients(member, spectrum, samples) {
    const network = this.networks[member];
    const { begins, places, alphas, drawnMean } = this.prepared(member, samples);
    network.first(spectrum, target);
    total.fill(0);
    product.fill(0);
    for (let draw = 0; draw < samples; draw++) {
      const alpha = alphas[draw];
      const from = FIRST * draw;
      for (let unit = 0; unit < FIRST; unit++) {
        const begin = begins[from + unit];
        way[unit] = begin + alpha * (target[unit] - begin);
      }
      network.onwards(way);
      network.errors(errors);
      for (let unit = 0; unit < FIRST; unit++) total[unit] += errors[unit];
      gradient.fill(0);
      network.back(errors, gradient);
      const row = POINTS * places[draw];
      for (let point = 0; point < POINTS; point++) {
        product[point] += gradient[point] * this.baselines[row + point];
      }
    }
    gradient.fill(0);
    network.back(total, gradient);
    const result = new Float64Array(POINTS);
    for (let point = 0; point < POINTS; point++) {
      const slope = gradient[point] / samples;
      const joint = product[point] / samples;
      const covariance = ((joint - slope * drawnMean[point]) * samples) / (samples - 1);
      result[point] = slope * (spectrum[point] - this.mean[point]) - covariance;
    }
    return result;
  }

  /** Score a spectrum by all members, and explain it by some: maps, means, and completeness. */
  explain(spectrum, members, samples) {
    const gradients = members.map((member) => this.expectedGradients(member, spectrum, samples));
    const maps = members.map((member) => this.gradCam(member, spectrum));
    const { probability, logit } = this.scores(spectrum);
    const average = (values) => members.reduce((sum, m) => sum + values[m], 0) / members.length;
    const gradient = meanOf(gradients);
    const sum = gradient.reduce((all, value) => all + value, 0);
    const risen = average(logit) - average(this.expected);
    const map = meanOf(maps);
    return { probability, gradients, maps, gradient, map, sum, risen, gap: sum - risen };
  }

  /** Return the root mean square difference of a spectrum from the nearest baseline. */
  distance(spectrum) {
    const { baselines } = this;
    let least = Infinity;
    for (let row = 0; row < baselines.length; row += POINTS) {
      let sum = 0;
      for (let point = 0; point < POINTS && sum < least; point++) {
        const away = spectrum[point] - baselines[row + point];
        sum += away * away;
      }
      least = Math.min(least, sum);
    }
    return Math.sqrt(least / POINTS);
  }

  /** Return what does not depend on the spectrum: the first layer of each drawn baseline. */
  prepared(member, samples) {
    const key = `${member} of ${samples}`;
    if (!this.ready.has(key)) {
      const own = [member * samples, (member + 1) * samples];
      const places = this.draws[samples].place.subarray(...own);
      const begins = new Float64Array(FIRST * samples);
      places.forEach((place, draw) => {
        const row = this.baselines.subarray(POINTS * place, POINTS * (place + 1));
        this.networks[member].first(row, begins, FIRST * draw);
      });
      const alphas = this.draws[samples].alpha.subarray(...own);
      const drawnMean = meanRow(this.baselines, places);
      this.ready.set(key, { begins, places, alphas, drawnMean });
    }
    return this.ready.get(key);
  }
}

const target = new Float64Array(FIRST);
const way = new Float64Array(FIRST);
const errors = new Float64Array(FIRST);
const total = new Float64Array(FIRST);
const gradient = new Float64Array(POINTS);
const product = new Float64Array(POINTS);

function meanRow(rows, places) {
  const mean = new Float64Array(POINTS);
  for (const place of places) {
    for (let point = 0; point < POINTS; point++) {
      mean[point] += rows[POINTS * place + point] / places.length;
    }
  }
  return mean;
}

function meanOf(arrays) {
  const mean = new Float64Array(POINTS);
  for (const values of arrays) {
    for (let point = 0; point < POINTS; point++) mean[point] += values[point] / arrays.length;
  }
  return mean;
}
