// What takes longest starts here, while the program is still on its way: the camera and the
// microphone of a room that is entered without a further click, the socket, and the join that
// goes along with it. `src/early.rs` takes them over, or lets them go.
import { io } from "/socket.io/socket.io.esm.min.js";

const now = new URLSearchParams(location.search).get("join") === "now" || history.state === "inside";
// Other names are for the program to read.
const room = /^\/r\/([a-z0-9-]{1,64})$/.exec(location.pathname)?.[1];
if (now && room) {
  const stream = navigator.mediaDevices?.getUserMedia({ audio: true, video: true });
  stream?.catch(() => {}); // the program hears of it too, and says what to do

  const key = `madang:secret:${room}`;
  let secret = null;
  try {
    secret = sessionStorage.getItem(key);
    sessionStorage.setItem(key, (secret ??= random()));
  } catch {
    // A page that may not store anything is a new peer every time.
    secret ??= random();
  }
  const [bits] = crypto.getRandomValues(new Uint32Array(1));
  const instance = bits * 65536;
  const socket = io({
    forceNew: true,
    reconnection: false,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    auth: { join: { v: 1, room, secret, instance, generation: instance } },
  });
  socket.received = [];
  socket.onAny((...event) => socket.received.push(event));
  globalThis.madangEarly = { stream, socket };
}

/** 128 random bits in base32. */
function random() {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  const bytes = crypto.getRandomValues(new Uint8Array(26));
  // The last letter carries three bits.
  return Array.from(bytes, (byte, place) => letters[byte & (place === 25 ? 28 : 31)]).join("");
}
