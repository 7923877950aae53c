// Arrays that Python wrote: {"type": "float32", "shape": [...], "data": base64}.

const KINDS = {
  float32: Float32Array,
  float64: Float64Array,
  uint16: Uint16Array,
  float16: Uint16Array,
};

/** Return a typed array; half precision, which browsers lack, is widened to single. */
export function decoded({ type, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const values = new KINDS[type](bytes.buffer);
  return type === "float16" ? Float32Array.from(values, widened) : values;
}

function widened(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
