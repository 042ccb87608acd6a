// A call with a bundler and TypeScript: `npm install` the SDK folder (`cargo xtask dist` makes
// it), import it like any module, and let the bundler find the wasm file.

import init, { Room, type MadangError, type RoomEventMap } from "madang";

export async function call(roomName: string, local: HTMLVideoElement, remote: HTMLVideoElement): Promise<() => void> {
  await init();
  const room = await Room.join({ room: roomName, video: { facingMode: "user" } });
  room.on("local-stream", ({ stream }) => {
    local.srcObject = stream;
  });
  room.on("peer-stream", ({ stream }) => {
    remote.srcObject = stream;
  });
  const removed = room.on("peer-left", ({ peer, reason }: RoomEventMap["peer-left"]) => {
    console.info(`${peer}: ${reason}`);
    remote.srcObject = null;
  });
  room.on("ended", ({ code }) => {
    if (code !== "left") alert(code);
  });
  return () => {
    removed();
    room.leave();
  };
}

export function describe(error: MadangError): string {
  return error.code === "room-full" ? "The room is full." : error.message;
}

export async function wrong(): Promise<void> {
  const room = new Room({ room: "types" });
  // @ts-expect-error there is no such event
  room.on("no-such-event", () => {});
  // @ts-expect-error a room needs a name
  new Room({});
  room.leave();
}
