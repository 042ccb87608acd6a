// A Madang server in memory, for tests that run in one page: it speaks the native protocol to
// objects that look like Socket.IO sockets.
//
// Everything is delivered in a later task, in order and as a copy, as from a network.

class FakeSocket {
  connected = false;
  listeners = new Map();

  constructor(server) {
    this.server = server;
  }

  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  off(event, listener) {
    this.listeners.set(event, (this.listeners.get(event) ?? []).filter((known) => known !== listener));
  }

  connect() {
    later(() => {
      if (this.server.away) {
        this.fire("connect_error", new Error("the server is away"));
      } else {
        this.connected = true;
        this.fire("connect");
        if (this.auth?.join) this.server.take(this, "join", this.auth.join, (reply) => this.deliver("joined", reply));
      }
    });
  }

  disconnect() {
    if (this.connected) {
      this.connected = false;
      this.fire("disconnect", "io client disconnect");
    }
  }

  emit(event, ...args) {
    const copies = args.map((arg) => (typeof arg === "function" ? arg : structuredClone(arg)));
    later(() => this.server.take(this, event, ...copies));
  }

  deliver(event, payload) {
    const copy = structuredClone(payload);
    later(() => this.connected && this.fire(event, copy));
  }

  onAny(listener) {
    this.any = listener;
  }

  offAny() {
    this.any = null;
  }

  fire(event, argument) {
    this.any?.(event, argument);
    for (const listener of this.listeners.get(event) ?? []) listener(argument);
  }
}

// Timers alone do not keep the order: a nested one is held back, and others overtake it.
const queue = [];
const later = (work) => {
  queue.push(work);
  setTimeout(() => queue.shift()(), 0);
};

export class FakeServer {
  away = false;
  // peer id → { socket, presence }
  members = new Map();
  sockets = [];
  signals = 0;
  joins = 0;

  constructor(capacity) {
    this.capacity = capacity;
  }

  socket() {
    const socket = new FakeSocket(this);
    this.sockets.push(socket);
    return socket;
  }

  // A socket with which a page has joined before the program was there.
  joined_socket(secret) {
    const socket = this.socket();
    const instance = 7 * 65536;
    socket.auth = { join: { v: 1, room: "test", secret, instance, generation: instance } };
    socket.received = [];
    socket.connect();
    later(() => socket.onAny((...event) => socket.received.push(event)));
    return socket;
  }

  // The n-th socket loses its network.
  drop(n) {
    const socket = this.sockets[n];
    socket.connected = false;
    socket.fire("disconnect", "transport close");
  }

  // How many listeners the n-th socket has.
  listeners(n) {
    return [...this.sockets[n].listeners.values()].reduce((sum, list) => sum + list.length, 0);
  }

  take(socket, event, payload, ack) {
    if (event === "join") {
      this.joins += 1;
      const { secret, instance, generation, name } = payload;
      const peer = secret; // any id of the right form will do here
      const others = [...this.members.entries()].filter(([id]) => id !== peer);
      if (others.length >= this.capacity) {
        return ack({ error: { code: "room-full", message: "the room is full" } });
      }
      const presence = { peer, instance, generation, ...(name ? { name } : {}) };
      this.members.set(peer, { socket, presence });
      socket.peer = peer;
      for (const [, other] of others) other.socket.deliver("peer-joined", presence);
      ack({
        ok: {
          peer,
          peers: others.map(([, other]) => other.presence),
          iceServers: [],
          limits: { capacity: this.capacity, messageBytes: 65536, graceMs: 30000 },
        },
      });
    } else if (event === "signal") {
      this.signals += 1;
      const { to, epoch, seq, body } = payload;
      this.members.get(to)?.socket.deliver("signal", { from: socket.peer, epoch, seq, body });
    } else if (event === "leave") {
      this.members.delete(socket.peer);
      for (const { socket: other } of this.members.values()) {
        other.deliver("peer-left", { peer: socket.peer, reason: "left" });
      }
    }
  }
}

// A server that only knows the tutorial's dialect, and tells `ready` to both as the tutorial's
// own does.
export class FakeTutorialServer {
  rooms = new Map();

  socket() {
    return new FakeSocket(this);
  }

  take(socket, event, payload, room) {
    if (event === "join") {
      const members = [...(this.rooms.get(payload) ?? []), socket];
      this.rooms.set(payload, members);
      if (members.length === 2) for (const member of members) member.deliver("ready");
    } else {
      for (const other of this.rooms.get(room) ?? []) if (other !== socket) other.deliver(event, payload);
    }
  }
}

// Resolves when `n` more frames of the stream were shown.
export function frames(stream, n) {
  const video = document.createElement("video");
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  video.srcObject = stream;
  document.body.append(video);
  return new Promise((resolve) => {
    const count = () => {
      n -= 1;
      if (n > 0) return video.requestVideoFrameCallback(count);
      video.srcObject = null;
      video.remove();
      resolve();
    };
    video.requestVideoFrameCallback(count);
    video.play();
  });
}
