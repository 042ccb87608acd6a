/** What a room is opened with. */
export interface RoomOptions {
  /** The room's name: 1 to 64 characters, none of them `/ \ ? #` or a control character. */
  room: string;
  /** The server's origin, such as "https://call.example". Default: the page's own origin. */
  server?: string;
  /** What the person is called: 1 to 40 characters. */
  name?: string;
  /** Admission to a guarded room. */
  token?: string;
  /** Whether to begin with the microphone, or which one. Default: true. */
  audio?: boolean | MediaTrackConstraints;
  /** Whether to begin with the camera, or which one. Default: true. */
  video?: boolean | MediaTrackConstraints;
  /** A stream to use instead of asking for devices; the room owns its tracks from then on. */
  stream?: MediaStream | Promise<MediaStream>;
  /**
   * How to talk to the server. "tutorial": a server made from the Socket.IO WebRTC tutorial,
   * which knows rooms of two and little else. Default: "native".
   */
  dialect?: Dialect;
  /**
   * Which candidates may be used. "relay": the call goes through the server's relay, and peers
   * learn no address of this page's network. Default: "all".
   */
  iceTransportPolicy?: RTCIceTransportPolicy;
  /**
   * A Socket.IO socket made before this module was loaded, with `reconnection: false`; the room
   * owns it from then on. It may have joined already, with `auth: { join: { v: 1, room, secret,
   * instance, generation: instance } }`; then it keeps what it receives in `socket.received`:
   * `socket.onAny((...event) => socket.received.push(event))`.
   */
  socket?: unknown;
}

/** The way to the server. */
export type SignalingState = "connecting" | "joined" | "reconnecting";
/**
 * The way to a peer. "unreachable": tried in vain, and none of the relays in `iceServers` can be
 * reached from this network. It is tried again all the same, and another state takes it back.
 */
export type PeerState = "connecting" | "connected" | "reconnecting" | "unreachable";
/**
 * Why media of a peer stopped: this device is on another network; ICE lost the path; nothing came any
 * more, though ICE said that all was well; the peer's page was loaded again.
 */
export type Cause = "network-changed" | "path-lost" | "media-stopped" | "peer-reloaded";
/** The route to a peer: straight, or through a relay that is reached over UDP, TCP or TLS. */
export type Route = "direct" | "relay-udp" | "relay-tcp" | "relay-tls";
/** A way to talk: this protocol, or the older tutorial's. */
export type Dialect = "native" | "tutorial";
/** Why a peer is gone. */
export type LeaveReason = "left" | "timed-out" | "removed" | "unknown";
/** A device that cannot be used. */
export type MediaDevice = "microphone" | "camera" | "both";
/**
 * Why a device cannot be used. "ended": it was in use, and was unplugged or taken away.
 * "interrupted": it is in use and gives nothing, because the system or another program holds it.
 */
export type MediaProblemKind =
  | "denied"
  | "busy"
  | "not-found"
  | "insecure-origin"
  | "ended"
  | "interrupted"
  | "other";
/** Why a room ended. */
export type EndCode =
  | "left"
  | "server-away"
  | "room-full"
  | "invalid-room"
  | "replaced"
  | "removed"
  | "room-closed"
  | "unsupported-version"
  | "bad-message"
  | "rate-limited"
  | "refused";

/** What happens in a room, by the event's type. */
export interface RoomEventMap {
  /** Camera or microphone came into use, or went; always the same stream. */
  "local-stream": { stream: MediaStream };
  /** What this side sends changed. */
  "local-media": { microphone: boolean; camera: boolean };
  /**
   * A device cannot be used. The call goes on without it, and it comes back by itself as soon as it
   * can be used again: muted if the microphone is muted, and never if the camera was switched off
   * meanwhile. `message` is the browser's.
   */
  "media-problem": { device: MediaDevice; kind: MediaProblemKind; message: string };
  /** The problem with this device is over. */
  "media-restored": { device: "microphone" | "camera" };
  /** This peer is in the room. */
  joined: { peer: string; capacity: number };
  /** The way to the server changed. */
  signaling: { state: SignalingState };
  /** Somebody is here. */
  "peer-joined": { peer: string; name?: string; dialect: Dialect };
  /** The way to a peer changed. */
  "peer-state": { peer: string; state: PeerState };
  /** Media of a peer stopped and is being brought back. */
  reconnecting: { peer: string; cause: Cause };
  /** Media of a peer is back, after so many milliseconds. */
  restored: { peer: string; cause: Cause; milliseconds: number };
  /** A peer's audio and video; comes again when its connection was replaced. */
  "peer-stream": { peer: string; stream: MediaStream };
  /** The route to a peer became known, or is another one. */
  "peer-route": { peer: string; route: Route };
  /** A peer said what it sends. */
  "peer-media": { peer: string; microphone: boolean; camera: boolean };
  /** Somebody is gone. */
  "peer-left": { peer: string; reason: LeaveReason };
  /** The room is over. The last event. `message` is in plain English. */
  ended: { code: EndCode; message: string };
}

/** What `new Room`, `Room.join` and `room.joined` fail with. */
export interface MadangError extends Error {
  name: "MadangError";
  /** Stable, for programs. */
  code: EndCode | "unsupported" | "invalid-server" | "invalid-options" | "invalid-event";
}

export interface Room {
  /** Adds a listener and returns a function that removes it. */
  on<K extends keyof RoomEventMap>(type: K, listener: (event: RoomEventMap[K]) => void): () => void;
}
