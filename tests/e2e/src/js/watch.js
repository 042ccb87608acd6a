// Counts the frames presented in the element `arguments[0]` selects, from the first call on.
const watch = (window.madangWatch ??= { video: null, frames: 0, longestGap: 0, last: null });
const video = document.querySelector(arguments[0]);
if (video !== watch.video) {
  watch.video = video;
  const presented = (now) => {
    if (watch.video !== video) return;
    watch.frames += 1;
    if (watch.last !== null) watch.longestGap = Math.max(watch.longestGap, now - watch.last);
    watch.last = now;
    video.requestVideoFrameCallback(presented);
  };
  video?.requestVideoFrameCallback(presented);
}
const tracks = video?.srcObject?.getAudioTracks() ?? [];
const gap = watch.last === null ? 0 : performance.now() - watch.last;
return {
  present: Boolean(video?.srcObject),
  frames: watch.frames,
  longestGap: Math.max(watch.longestGap, gap),
  audible: tracks.some((track) => track.readyState === "live" && !track.muted),
};
