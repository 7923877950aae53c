// What the page says: numbers in, sentences out.

/** Return a number with a true minus sign, and with a plus sign unless told otherwise. */
export function signed(value, digits, plus = true) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? "−" : plus ? "+" : "") + text;
}

export function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function votes(probability) {
  const count = probability.filter((value) => value > 0.5).length;
  return `${count} of ${probability.length} members say PF`;
}

function called(members) {
  return members.length > 1 ? `the ${members.length} explaining` : `member ${members[0] + 1}`;
}

/** Say how members voted, and what those think that explain. */
export function verdict({ probability, members }) {
  if (members.length === probability.length) return [votes(probability), "all of them explain"];
  const own = average(members.map((member) => probability[member]));
  return [votes(probability), `${called(members)}: ${own.toFixed(2)}`];
}

/** Say how far a spectrum is from the training spectra, compared with their usual distances. */
export function likeness(distance, { usual, limit, limitShare }) {
  const nearer = usual.filter((value) => value < distance).length / usual.length;
  const share = nearer === 1 ? "all" : `${Math.round(100 * nearer)} % of`;
  const advice = `. Beyond ${Math.round(100 * limitShare)} %, do not trust the score.`;
  return (
    `${distance > limit ? "No" : "Yes"}: ${distance.toFixed(3)} from the nearest one, farther ` +
    `than ${share} training spectra are from those of other regions` +
    (distance > limit ? advice : ".")
  );
}

/** Return what canvases show, in words. */
export function pictures({ wavelength, probability, members, gradient, map, distance }) {
  const at = (values, pick) => `${wavelength[values.indexOf(pick(...values))].toFixed(1)} Å`;
  const heat = map.some((value) => value > 0)
    ? `Grad-CAM is highest at ${at(map, Math.max)}.`
    : "Grad-CAM is empty.";
  return {
    plot:
      `Profile, expected gradients and Grad-CAM of ${called(members)}. Most for PF: ` +
      `${at(gradient, Math.max)}. Most against: ${at(gradient, Math.min)}. ${heat}`,
    scores:
      `Each member's score from 0 to 1: ${probability.length} dots from ` +
      `${Math.min(...probability).toFixed(2)} to ${Math.max(...probability).toFixed(2)}.`,
    distances: `Histogram of usual distances, and this one: ${distance.toFixed(3)}.`,
  };
}

/** Return the result in a sentence, to be said aloud. */
export function spoken({ probability, mean, distance }, limit) {
  const like = distance > limit ? "Unlike" : "Like";
  return `Score ${mean.toFixed(2)}, ${votes(probability)}. ${like} the training spectra.`;
}
