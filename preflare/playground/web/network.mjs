// The ConvNet of preflare/network.py: (1, 240) (2, 74) (4, 22) (4, 11) (44) (5) (2), 363 weights in
// the order of ConvNet().parameters(). Arrays are flat. Sums are taken in double precision.

export const POINTS = 240;
export const FIRST = 148; // units of the first layer, two maps of 74
export const UNITS = 22; // positions of the last maps
export const WEIGHTS = 363;

const STRIDE = 3;
const TAPS_1 = 20;
const LENGTH_1 = 74;
const TAPS_2 = 10;
const MAPS = 4;
const POOLED = 11;
const FLAT = 44;
const HIDDEN = 5;

/** One network. After `forward`, its arrays hold what the layers put out. */
export class Network {
  constructor(weights) {
    const w = Float64Array.from(weights);
    this.w1 = w.subarray(0, 40);
    this.b1 = w.subarray(40, 42);
    this.w2 = w.subarray(42, 122);
    this.byTap = new Float64Array(80); // the same with the maps last, so that they go together
    for (let map = 0; map < MAPS; map++) {
      for (let tap = 0; tap < 2 * TAPS_2; tap++) {
        this.byTap[MAPS * tap + map] = this.w2[2 * TAPS_2 * map + tap];
      }
    }
    this.b2 = w.subarray(122, 126);
    this.w3 = w.subarray(126, 346);
    this.b3 = w.subarray(346, 351);
    this.w4 = w.subarray(351, 361);
    this.b4 = w.subarray(361, 363);
    this.maps = new Float64Array(MAPS * UNITS);
    this.pooled = new Float64Array(FLAT);
    this.winner = new Uint8Array(FLAT); // position, in its map, of each pool's maximum
    this.hidden = new Float64Array(HIDDEN);
    this.active = new Float64Array(FIRST); // of the first layer, after its ReLU
  }

  /** Write what the first layer makes of a spectrum, before its ReLU, into `out` from `at` on. */
  first(spectrum, out, at = 0) {
    const { w1, b1 } = this;
    for (let map = 0; map < 2; map++) {
      for (let unit = 0; unit < LENGTH_1; unit++) {
        let sum = b1[map];
        for (let tap = 0; tap < TAPS_1; tap++) {
          sum += w1[TAPS_1 * map + tap] * spectrum[STRIDE * unit + tap];
        }
        out[at + LENGTH_1 * map + unit] = sum;
      }
    }
  }

  /** Take the first layer, before its ReLU, to the PF logit. */
  onwards(first) {
    const { byTap, b2, w3, b3, maps, pooled, winner, hidden, active } = this;
    for (let unit = 0; unit < FIRST; unit++) active[unit] = first[unit] > 0 ? first[unit] : 0;
    for (let unit = 0; unit < UNITS; unit++) {
      let s0 = b2[0];
      let s1 = b2[1];
      let s2 = b2[2];
      let s3 = b2[3];
      for (let map = 0; map < 2; map++) {
        const from = LENGTH_1 * map + STRIDE * unit;
        for (let tap = 0; tap < TAPS_2; tap++) {
          const value = active[from + tap];
          const w = MAPS * (TAPS_2 * map + tap);
          s0 += byTap[w] * value;
          s1 += byTap[w + 1] * value;
          s2 += byTap[w + 2] * value;
          s3 += byTap[w + 3] * value;
        }
      }
      maps[unit] = s0 > 0 ? s0 : 0;
      maps[UNITS + unit] = s1 > 0 ? s1 : 0;
      maps[2 * UNITS + unit] = s2 > 0 ? s2 : 0;
      maps[3 * UNITS + unit] = s3 > 0 ? s3 : 0;
    }
    for (let map = 0; map < MAPS; map++) {
      for (let pool = 0; pool < POOLED; pool++) {
        const even = maps[UNITS * map + 2 * pool];
        const odd = maps[UNITS * map + 2 * pool + 1];
        const second = odd > even; // of two equal ones the first counts, as in torch
        pooled[POOLED * map + pool] = second ? odd : even;
        winner[POOLED * map + pool] = 2 * pool + second;
      }
    }
    for (let neuron = 0; neuron < HIDDEN; neuron++) {
      let sum = b3[neuron];
      for (let i = 0; i < FLAT; i++) sum += w3[FLAT * neuron + i] * pooled[i];
      hidden[neuron] = sum > 0 ? sum : 0;
    }
    return this.logit(1);
  }

  logit(label) {
    let sum = this.b4[label];
    for (let neuron = 0; neuron < HIDDEN; neuron++) {
      sum += this.w4[HIDDEN * label + neuron] * this.hidden[neuron];
    }
    return sum;
  }

  /** Take a spectrum through the network; return the logits of AR and PF. */
  forward(spectrum) {
    this.first(spectrum, scratch);
    const pf = this.onwards(scratch);
    return [this.logit(0), pf];
  }

  /** Set `errors` (148) to the derivative of the PF logit by the first layer, before its ReLU. */
  errors(errors) {
    const { w2, w3, w4, maps, winner, hidden, active } = this;
    errors.fill(0);
    for (let i = 0; i < FLAT; i++) {
      const map = (i / POOLED) | 0;
      if (!(maps[UNITS * map + winner[i]] > 0)) continue;
      let error = 0;
      for (let neuron = 0; neuron < HIDDEN; neuron++) {
        if (hidden[neuron] > 0) error += w4[HIDDEN + neuron] * w3[FLAT * neuron + i];
      }
      if (error === 0) continue;
      const here = 2 * TAPS_2 * map;
      const from = STRIDE * winner[i];
      for (let tap = 0; tap < TAPS_2; tap++) {
        errors[from + tap] += error * w2[here + tap];
        errors[LENGTH_1 + from + tap] += error * w2[here + TAPS_2 + tap];
      }
    }
    for (let unit = 0; unit < FIRST; unit++) if (!(active[unit] > 0)) errors[unit] = 0;
  }

  /** Add to `out` (240) what errors of the first layer are in terms of the spectrum's points. */
  back(errors, out) {
    const { w1 } = this;
    for (let unit = 0; unit < LENGTH_1; unit++) {
      const one = errors[unit];
      const other = errors[LENGTH_1 + unit];
      if (one === 0 && other === 0) continue;
      for (let tap = 0; tap < TAPS_1; tap++) {
        out[STRIDE * unit + tap] += one * w1[tap] + other * w1[TAPS_1 + tap];
      }
    }
  }

  /** Return Grad-CAM's weights of the four maps for PF: mean gradient of each (Eq. B.1). */
  mapWeights() {
    const { w3, w4, hidden } = this;
    const weights = new Float64Array(MAPS);
    for (let neuron = 0; neuron < HIDDEN; neuron++) {
      if (!(hidden[neuron] > 0)) continue;
      for (let i = 0; i < FLAT; i++) {
        weights[(i / POOLED) | 0] += (w4[HIDDEN + neuron] * w3[FLAT * neuron + i]) / UNITS;
      }
    }
    return weights;
  }
}

const scratch = new Float64Array(FIRST);
