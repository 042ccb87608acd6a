// How loud the element that `arguments[0]` selects was in the last half second, from 0 to 1. What was
// before is not heard with `arguments[1]`.
const stream = document.querySelector(arguments[0])?.srcObject;
const ear = (window.madangEar ??= {});
if (stream && (arguments[1] || ear.stream !== stream)) {
  ear.stream = stream;
  ear.context ??= new AudioContext();
  ear.analyser = new AnalyserNode(ear.context, { fftSize: 32768 });
  ear.context.createMediaStreamSource(stream).connect(ear.analyser);
}
if (!ear.analyser) return 0;
const samples = new Float32Array(ear.analyser.fftSize);
ear.analyser.getFloatTimeDomainData(samples);
return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
