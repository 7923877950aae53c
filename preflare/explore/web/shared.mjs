// What all things to explore need: arrays that Python wrote, canvases, colours.

const KINDS = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array };

/** Return a typed array of {"type", "shape", "data": base64}. */
export function decoded({ type, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return new KINDS[type](bytes.buffer);
}

/** Return the JSON that the page holds for a thing to explore. */
export function payload(name) {
  return JSON.parse(document.getElementById(`explore-${name}-data`).textContent);
}

/** Return a context in CSS pixels, cleared, and the size of its canvas. */
export function fresh(canvas) {
  const density = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  const context = canvas.getContext("2d");
  context.scale(density, density);
  context.font = "12px system-ui, sans-serif";
  return { context, width, height };
}

/** Return a colour of the theme that the page is in. */
export function colour(element, name) {
  return getComputedStyle(element).getPropertyValue(`--explore-${name}`).trim();
}

/** Draw again when the size or the theme changes, and now. */
export function keepDrawn(element, draw) {
  new ResizeObserver(draw).observe(element);
  new MutationObserver(draw).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
  draw();
}

/** Write a number with a sign that is a minus, not a hyphen. */
export function signed(value, digits) {
  const size = Math.abs(value).toFixed(digits);
  return +size === 0 ? size : `${value < 0 ? "−" : "+"}${size}`;
}
