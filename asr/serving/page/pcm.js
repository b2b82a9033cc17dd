// Samples as the server takes them.

/** Float32Array within +-1 to Int16Array; what is louder is clipped. */
export function toInt16(samples) {
  const result = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i += 1) {
    result[i] = Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767);
  }
  return result;
}

/** Mean power and highest sample of an Int16Array, both in dB below full scale, not under -60. */
export function level(samples) {
  let power = 0;
  let peak = 0;
  for (const value of samples) {
    power += value * value;
    peak = Math.max(peak, Math.abs(value));
  }
  const decibel = (amplitude) => Math.max(-60, 20 * Math.log10(amplitude / 32767 || 1e-9));
  return { rms: decibel(Math.sqrt(power / (samples.length || 1))), peak: decibel(peak) };
}
