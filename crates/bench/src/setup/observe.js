// Runs in every document before the page, whoever made it: notes when the camera is there, when
// ICE and DTLS are done, and when the first frame of the other is presented.
(() => {
  const mark = (name) => {
    if (performance.getEntriesByName(name).length === 0) performance.mark(name);
  };

  const devices = navigator.mediaDevices;
  const getUserMedia = devices?.getUserMedia.bind(devices);
  if (devices) {
    devices.getUserMedia = async (constraints) => {
      const stream = await getUserMedia(constraints);
      mark("camera");
      return stream;
    };
  }

  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...configuration) {
      super(...configuration);
      this.addEventListener("iceconnectionstatechange", () => {
        if (this.iceConnectionState === "connected") mark("ice");
      });
      this.addEventListener("connectionstatechange", () => {
        if (this.connectionState === "connected") mark("dtls");
      });
    }
  };

  const remote = "#remoteVideo, [data-testid=remote-video]";
  const watched = new WeakSet();
  const look = () => {
    for (const video of document.querySelectorAll(remote)) {
      if (watched.has(video)) continue;
      watched.add(video);
      video.requestVideoFrameCallback(() => mark("first-frame"));
    }
  };
  const attributes = { attributeFilter: ["id", "data-testid"] };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, ...attributes });
})();
