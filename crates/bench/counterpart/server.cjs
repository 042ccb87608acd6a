// The counterpart of `bench signaling`: a signaling server as the Socket.IO WebRTC tutorial has
// it. Without the line that the tutorial prints for every socket, which would count against it.

const http = require("http");
const express = require("express");
const { Server } = require("socket.io");

const server = http.createServer(express());
const io = new Server(server);

io.on("connection", (socket) => {
  socket.on("join", (room) => {
    socket.join(room);
    if (io.sockets.adapter.rooms.get(room).size === 2) io.to(room).emit("ready");
  });
  for (const event of ["offer", "answer", "ice-candidate"]) {
    socket.on(event, (payload, room) => socket.to(room).emit(event, payload));
  }
});

server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
