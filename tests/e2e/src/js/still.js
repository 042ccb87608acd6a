// Makes the statistics (webrtc-stats) of Firefox say that nothing of video is decoded any more, as they do where a
// receiver waits for a frame that nobody has, until a sender's parameters are changed, with which that receiver is
// started anew. Gives how often statistics were read before that; no more than `most` times are waited for. They are
// true until they were read `quiet` times without such a change.
const [quiet, most] = arguments;
const { getStats } = RTCPeerConnection.prototype;
const { setParameters } = RTCRtpSender.prototype;
let frames;
let read = 0;

const standing = (report) => {
  const all = new Map();
  report.forEach((stats, id) => all.set(id, "framesDecoded" in stats ? { ...stats, framesDecoded: frames } : stats));
  return all;
};

try {
  return await new Promise((resolve) => {
    RTCPeerConnection.prototype.getStats = async function (...given) {
      const report = await getStats.apply(this, given);
      read += 1;
      if (frames === undefined && read > quiet) {
        report.forEach((stats) => (frames ??= stats.framesDecoded));
        read = 0;
      }
      if (frames !== undefined && read > most) resolve(read);
      return frames === undefined ? report : standing(report);
    };
    RTCRtpSender.prototype.setParameters = function (...given) {
      if (frames !== undefined) resolve(read);
      read = 0;
      return setParameters.apply(this, given);
    };
  });
} finally {
  RTCPeerConnection.prototype.getStats = getStats;
  RTCRtpSender.prototype.setParameters = setParameters;
}
