// Joins the room that `early.js` has begun to enter, while the program is still on its way: the
// join goes along with the connection. `src/early.rs` takes over, or lets go.
import { WebSocket as Transport, XHR, io } from "/socket.io/socket.io.esm.min.js";

/** Socket.IO's transport, over the WebSocket that is there already. */
class Opened extends Transport {
  createSocket(...where) {
    const { websocket, messages } = early;
    early.websocket = null;
    if (!websocket || websocket.readyState > WebSocket.OPEN) return super.createSocket(...where);
    if (websocket.readyState === WebSocket.OPEN) {
      queueMicrotask(() => {
        websocket.onopen();
        for (const message of messages) websocket.onmessage(message);
      });
    }
    return websocket;
  }
}

const early = globalThis.madangEarly;
if (early) {
  const { room } = early;
  const [bits] = crypto.getRandomValues(new Uint32Array(1));
  const instance = bits * 65536;
  early.socket = io({
    forceNew: true,
    reconnection: false,
    transports: [Opened, XHR],
    tryAllTransports: true,
    auth: { join: { v: 1, room, secret: secretOf(room), instance, generation: instance } },
  });
  early.socket.received = [];
  early.socket.onAny((...event) => early.socket.received.push(event));
}

/** This tab's secret in a room: kept, so that a reload is the same peer. */
function secretOf(room) {
  const key = `madang:secret:${room}`;
  try {
    const kept = sessionStorage.getItem(key) ?? random();
    sessionStorage.setItem(key, kept);
    return kept;
  } catch {
    return random(); // nothing may be stored: a new peer every time
  }
}

/** 128 random bits in base32; the last letter carries three of them. */
function random() {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  const bytes = crypto.getRandomValues(new Uint8Array(26));
  return Array.from(bytes, (byte, place) => letters[byte & (place === 25 ? 28 : 31)]).join("");
}
