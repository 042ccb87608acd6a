// What is sent and received now, as the connections that are kept for `Page::route` count it, in a line each.
const connections = (window.madangConnections ?? []).filter((one) => one.connectionState !== "closed");
const lines = [];
for (const connection of connections) {
  const parts = [connection.connectionState];
  for (const one of (await connection.getStats()).values()) {
    if (one.type === "inbound-rtp") {
      const frames = one.kind === "video" ? `, ${one.framesDecoded} frames of ${one.framesReceived}, ${one.framesDropped} dropped, ${one.freezeCount} freezes, ${one.totalInterFrameDelay.toFixed(1)} s between frames, ${Math.round((1000 * one.jitterBufferDelay) / one.jitterBufferEmittedCount)} ms buffered, ${one.keyFramesDecoded} key, ${one.pliCount} PLI` : "";
      parts.push(`${one.kind} in by ${one.ssrc}: ${one.packetsReceived} packets${frames}`);
    } else if (one.type === "outbound-rtp") {
      const frames = one.kind === "video" ? `, ${one.framesEncoded} frames, ${one.qualityLimitationReason}, ${one.pliCount} PLI` : "";
      parts.push(`${one.kind} out by ${one.ssrc}: ${one.packetsSent} packets${frames}${one.active === false ? ", inactive" : ""}`);
    } else if (one.type === "candidate-pair" && one.nominated) {
      parts.push(`pair: ${one.state}, may send ${Math.round((one.availableOutgoingBitrate ?? 0) / 1000)} kbit/s`);
    }
  }
  lines.push(parts.join("; "));
}
const shown = [...document.querySelectorAll("video")].map((video) => {
  const { width, height } = video.getBoundingClientRect();
  return `${video.dataset.testid ?? video.id}: ${video.getVideoPlaybackQuality().totalVideoFrames} frames until ${video.currentTime}, ${video.paused ? "paused" : "plays"}, ${video.readyState}, ${width} × ${height}, tracks ${(video.srcObject?.getTracks() ?? []).map((track) => `${track.kind} ${track.readyState}${track.muted ? " muted" : ""}`).join(" ")}`;
});
return [...lines, ...shown].join("\n    ");
