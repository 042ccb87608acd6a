// Inline at the top of the page, so that it runs before anything else is fetched: for a room that
// is entered without a further click it opens the WebSocket and asks for the camera and the
// microphone, which take longest. `boot.js` and `src/early.rs` take over.
{
  const now = new URLSearchParams(location.search).get("join") === "now" || history.state === "inside";
  // Other names are for the program to read.
  const room = /^\/r\/([a-z0-9-]{1,64})$/.exec(location.pathname)?.[1];
  if (now && room) {
    const url = `${location.origin.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
    const websocket = new WebSocket(url);
    const messages = [];
    websocket.onmessage = (message) => messages.push(message);
    const stream = navigator.mediaDevices?.getUserMedia({ audio: true, video: true });
    stream?.catch(() => {}); // the program hears of it too, and says what to do
    globalThis.madangEarly = { room, stream, websocket, messages };
  }
}
