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

/** Int16Array of one channel to the parts of a WAV file. */
export function asWav(samples, samplingRate) {
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((letter, i) => {
    head.setUint8(at + i, letter.charCodeAt(0));
  });
  text(0, "RIFF");
  head.setUint32(4, 36 + samples.byteLength, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true); // bytes of the format
  head.setUint16(20, 1, true); // integers
  head.setUint16(22, 1, true); // channels
  head.setUint32(24, samplingRate, true);
  head.setUint32(28, 2 * samplingRate, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  text(36, "data");
  head.setUint32(40, samples.byteLength, true);
  return new Blob([head, samples]);
}
