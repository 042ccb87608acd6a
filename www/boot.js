// What takes longest starts here, while the program is still on its way: the socket, the camera
// and the microphone of a room that is entered without a further click. `src/early.rs` takes
// them over, or lets them go.
import { io } from "/socket.io/socket.io.esm.min.js";

const now = new URLSearchParams(location.search).get("join") === "now" || history.state === "inside";
if (now && location.pathname.startsWith("/r/")) {
  const stream = navigator.mediaDevices?.getUserMedia({ audio: true, video: true });
  stream?.catch(() => {}); // the program hears of it too, and says what to do
  globalThis.madangEarly = {
    stream,
    socket: io({ forceNew: true, reconnection: false, transports: ["websocket", "polling"], tryAllTransports: true }),
  };
}
