// The whole of it: load the module from a Madang server, join a room, show two streams.
//
// `?server=` and `?room=` choose another server and room. The server must allow this page's
// origin: `madang-server --allow-origin http://127.0.0.1:8000`.

const query = new URLSearchParams(location.search);
const server = query.get("server") ?? "http://127.0.0.1:3000";
const roomName = query.get("room") ?? "plain-page";

const element = (id) => document.querySelector(`[data-testid=${id}]`);
const show = (state, words) => {
  element("call-state").dataset.state = state;
  element("call-state").textContent = words;
};
let room;

const { default: init, Room } = await import(`${server}/sdk/madang.js`);
await init();

element("join").onclick = async () => {
  element("join").disabled = true;
  show("connecting", "Joining…");
  try {
    room = await Room.join({ room: roomName, server });
  } catch (error) {
    element("join").disabled = false;
    return show("ended", error.message); // error.code is stable, for programs
  }
  element("leave").disabled = false;
  show("waiting", "Waiting for somebody else.");
  room.on("local-stream", ({ stream }) => (element("local-video").srcObject = stream));
  room.on("peer-stream", ({ stream }) => (element("remote-video").srcObject = stream));
  room.on("peer-state", ({ state }) => show(state, `The call is ${state}.`));
  room.on("peer-left", () => {
    element("remote-video").srcObject = null;
    show("waiting", "The other has left.");
  });
  room.on("media-problem", ({ device, kind }) => console.info(`no ${device}: ${kind}`));
  room.on("media-restored", ({ device }) => console.info(`${device} is back`));
  room.on("ended", ({ message }) => {
    element("local-video").srcObject = null;
    element("remote-video").srcObject = null;
    element("join").disabled = false;
    element("leave").disabled = true;
    show("ended", message);
  });
};

element("leave").onclick = () => room.leave();

show("idle", "Not in a call.");
element("join").disabled = false; // not before: a click would have done nothing
