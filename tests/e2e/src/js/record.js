// Runs in every document before the page, whoever made it: keeps when the other's frames and audio
// packets came, and what the page and its connections said meanwhile. Times are those of the clock
// on the wall, which all browsers on a machine share with the test.
(() => {
  const MOST = 50_000;
  const record = { frames: [], audio: [], said: [] };
  window.madangRecord = record;
  const keep = (list, what) => {
    list.push(what);
    if (list.length > MOST) list.splice(0, MOST / 2);
  };
  const say = (words) => keep(record.said, [Date.now(), words]);

  // The memory of a page's program, to be asked how much it is.
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const instantiate = WebAssembly[name].bind(WebAssembly);
    WebAssembly[name] = async (...given) => {
      const made = await instantiate(...given);
      record.memory ??= (made.instance ?? made).exports?.memory;
      return made;
    };
  }

  // What a description says of its media: which way, and by what sources.
  const media = (sdp) =>
    sdp
      .split("\r\nm=")
      .slice(1)
      .map((part) => {
        const sources = new Set([...part.matchAll(/^a=ssrc:(\d+)/gm)].map(([, source]) => source));
        const way = part.match(/^a=(sendrecv|sendonly|recvonly|inactive)/m)?.[1];
        return `${part.split(" ")[0]} ${way} by ${[...sources].join(" ") || "sources not told"}`;
      })
      .join(", ");

  const connections = new Set();
  let made = 0;
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...configuration) {
      super(...configuration);
      made += 1;
      const number = made;
      connections.add(this);
      for (const kind of ["connection", "iceConnection"]) {
        const note = () => say(`#${number} ${kind} ${this[`${kind}State`]}`);
        this.addEventListener(`${kind.toLowerCase()}statechange`, note);
      }
      this.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate?.candidate) say(`#${number} has ${candidate.type} ${candidate.protocol} ${candidate.address}`);
      });
      for (const side of ["Local", "Remote"]) {
        const set = this[`set${side}Description`].bind(this);
        this[`set${side}Description`] = async (description) => {
          await set(description).catch((error) => {
            say(`#${number} refuses a ${side.toLowerCase()} description: ${error}`);
            throw error;
          });
          const { type, sdp } = this[`${side.toLowerCase()}Description`] ?? {};
          say(`#${number} ${side.toLowerCase()} ${type ?? "rollback"}: ${media(sdp ?? "")}`);
        };
      }
      this.addEventListener("icecandidateerror", ({ url, errorCode, errorText }) => {
        say(`#${number} no candidate from ${url}: ${errorCode} ${errorText}`);
      });
    }
  };

  // Received packets of every audio receiver.
  const received = new Map();
  const heard = async () => {
    for (const connection of connections) {
      if (connection.signalingState === "closed") {
        connections.delete(connection);
        continue;
      }
      for (const receiver of connection.getReceivers()) {
        if (receiver.track.kind !== "audio") continue;
        for (const stat of (await receiver.getStats()).values()) {
          if (stat.type !== "inbound-rtp") continue;
          const key = `${receiver.track.id} ${stat.ssrc}`;
          const before = received.get(key) ?? 0;
          received.set(key, stat.packetsReceived);
          // Fewer than before: Firefox has started the receiver anew, and it counts from its own beginning.
          if (stat.packetsReceived > (stat.packetsReceived < before ? 0 : before)) keep(record.audio, Date.now());
        }
      }
    }
  };

  // What a Madang page says of itself.
  let last = "";
  const look = () => {
    const of = (id) => document.querySelector(`[data-testid=${id}]`);
    const error = of("error");
    const parts = [of("call-state")?.dataset.state, of("route")?.dataset.route, error?.hidden ? null : error?.dataset.code];
    const words = parts.filter(Boolean).join(", ");
    if (words !== last) say(`page: ${words}`);
    last = words;
  };
  let busy = false;
  setInterval(async () => {
    look();
    if (busy) return;
    busy = true;
    await heard().catch(() => {});
    busy = false;
  }, 50);

  const watched = new WeakSet();
  const find = () => {
    for (const video of document.querySelectorAll("#remoteVideo, [data-testid=remote-video]")) {
      if (watched.has(video)) continue;
      watched.add(video);
      const presented = () => {
        keep(record.frames, Date.now());
        video.requestVideoFrameCallback(presented);
      };
      video.requestVideoFrameCallback(presented);
    }
  };
  const attributes = { attributeFilter: ["id", "data-testid"] };
  new MutationObserver(find).observe(document, { childList: true, subtree: true, ...attributes });
})();
