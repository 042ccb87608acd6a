//! A model of the server: one room, its seats, and what it tells whom. Pure: it returns what is
//! to be sent on which socket.

use madang_protocol::{
    Body, Dialect, ErrorCode, Generation, Join, JoinReply, Joined, LeaveReason, Left, Limits, Peer, PeerId, Reply,
    SignalFrom, SignalTo, WireError,
};

/// Index of a socket in the world.
pub(crate) type Socket = usize;

/// From a page.
#[derive(Clone, Debug)]
pub(crate) enum Up {
    Join(Join),
    Signal(SignalTo<Body>),
    Leave,
    AskForIceServers,
}

/// To a page.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    Reply(JoinReply),
    PeerJoined(Peer),
    PeerLeft(Left),
    Signal(SignalFrom<Body>),
    Error(WireError),
    IceServers,
    /// The server ends the socket.
    Close,
}

#[derive(Debug)]
struct Member {
    peer: Peer,
    socket: Option<Socket>,
    /// Counts the losses, to tell old timers from new.
    losses: u32,
}

/// The room.
#[derive(Debug)]
pub(crate) struct Server {
    members: Vec<Member>,
    capacity: usize,
    grace_ms: u64,
}

type Sent = Vec<(Socket, Down)>;

impl Server {
    pub(crate) fn new(capacity: usize, grace_ms: u64) -> Self {
        Self { members: Vec::new(), capacity, grace_ms }
    }

    /// A restart: nobody is known any more.
    pub(crate) fn lose_memory(&mut self) {
        self.members.clear();
    }

    /// How long a seat is kept.
    pub(crate) fn grace_ms(&self) -> u64 {
        self.grace_ms
    }

    /// The page that is a peer now.
    pub(crate) fn instance(&self, peer: &PeerId) -> Option<Generation> {
        self.members.iter().find(|member| member.peer.peer == *peer).map(|member| member.peer.instance)
    }

    pub(crate) fn receive(&mut self, socket: Socket, message: Up) -> Sent {
        match message {
            Up::Join(join) => self.join(socket, join),
            Up::Signal(signal) => self.signal(socket, signal),
            Up::AskForIceServers => vec![(socket, Down::IceServers)],
            Up::Leave => self.remove(|member| member.socket == Some(socket), LeaveReason::Left),
        }
    }

    fn join(&mut self, socket: Socket, join: Join) -> Sent {
        let id = PeerId::from_bits(join.secret.bits());
        let peer = Peer {
            peer: id.clone(),
            instance: join.instance,
            generation: join.generation,
            name: join.name,
            dialect: Dialect::Native,
        };
        let mut sent = Sent::new();
        let full = self.members.len() >= self.capacity;
        match self.members.iter_mut().find(|member| member.peer.peer == id) {
            Some(member) => {
                if let Some(old) = member.socket.replace(socket).filter(|old| *old != socket) {
                    sent.push((old, Down::Error(ErrorCode::Replaced.into())));
                    sent.push((old, Down::Close));
                }
                member.peer = peer.clone();
            }
            None if full => {
                return vec![(socket, Down::Reply(Reply::Error(ErrorCode::RoomFull.into())))];
            }
            None => self.members.push(Member { peer: peer.clone(), socket: Some(socket), losses: 0 }),
        }
        let others = || self.members.iter().filter(|member| member.peer.peer != id);
        sent.push((
            socket,
            Down::Reply(Reply::Ok(Joined {
                peer: id.clone(),
                peers: others().map(|member| member.peer.clone()).collect(),
                ice_servers: Vec::new(),
                expires: None,
                limits: Limits { capacity: self.capacity, message_bytes: 65536, grace_ms: self.grace_ms },
            })),
        ));
        sent.extend(others().filter_map(|member| Some((member.socket?, Down::PeerJoined(peer.clone())))));
        sent
    }

    fn signal(&self, socket: Socket, signal: SignalTo<Body>) -> Sent {
        let from = |member: &&Member| member.socket == Some(socket);
        let Some(sender) = self.members.iter().find(from) else {
            return vec![(socket, Down::Error(ErrorCode::NotJoined.into()))];
        };
        let Some(target) = self.members.iter().find(|member| member.peer.peer == signal.to) else {
            return vec![(socket, Down::Error(ErrorCode::UnknownPeer.into()))];
        };
        let SignalTo { epoch, seq, body, .. } = signal;
        let relayed = SignalFrom { from: sender.peer.peer.clone(), epoch, seq, body };
        target.socket.map(|to| (to, Down::Signal(relayed))).into_iter().collect()
    }

    fn remove(&mut self, leaves: impl Fn(&Member) -> bool, reason: LeaveReason) -> Sent {
        let Some(place) = self.members.iter().position(leaves) else { return Sent::new() };
        let left = Left { peer: self.members.remove(place).peer.peer, reason };
        self.members.iter().filter_map(|member| Some((member.socket?, Down::PeerLeft(left.clone())))).collect()
    }

    /// The server saw the socket end. Returns whose grace begins.
    pub(crate) fn socket_lost(&mut self, socket: Socket) -> Option<(PeerId, u32)> {
        let member = self.members.iter_mut().find(|member| member.socket == Some(socket))?;
        member.socket = None;
        member.losses += 1;
        Some((member.peer.peer.clone(), member.losses))
    }

    /// A grace is over.
    pub(crate) fn grace_over(&mut self, peer: &PeerId, losses: u32) -> Sent {
        let gone = |member: &Member| member.peer.peer == *peer && member.socket.is_none() && member.losses == losses;
        self.remove(gone, LeaveReason::TimedOut)
    }
}
