//! Looks at a router from the client behind it, and says what it is (RFC 4787 sections 4 and 5).

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::lab::{Lab, Side, at};
use crate::stun::{Responder, mapped, request};

/// How a socket behind the router looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The same to everybody.
    EndpointIndependent,
    /// Different to each.
    EndpointDependent,
}

/// Who may send to the mapping of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Everybody.
    EndpointIndependent,
    /// Those it has sent to, from any port.
    AddressDependent,
    /// Those it has sent to, from the port it has sent to.
    AddressAndPortDependent,
}

/// What was found out about a router; `None` where UDP does not get through.
pub type Observation = Option<(Mapping, Filtering)>;

/// How long to wait for a packet that takes well under a millisecond when it comes.
const PATIENCE: Duration = Duration::from_millis(500);

/// Sends from one socket of the client to three places, and back to it what it did not ask for.
pub fn observe(lab: &Lab, side: Side) -> Result<Observation> {
    let responder = |host, port| Responder::start(lab.public(), at(lab.address(host), port));
    let (known, other_port, other_host) = (responder(1, 3478)?, responder(1, 3479)?, responder(2, 3478)?);
    let stranger = responder(3, 3478)?;
    let any = if lab.address(1).is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = lab.client(side).within(|| UdpSocket::bind(any))??;
    let Some(first) = mapping(&socket, known.socket().local_addr()?)? else { return Ok(None) };
    // Before the others are sent to, which would open the way for them.
    let unasked = |sender: &Responder| arrives(&socket, sender.socket(), known.socket(), first);
    let filtering = if unasked(&stranger)? {
        Filtering::EndpointIndependent
    } else if unasked(&other_port)? {
        Filtering::AddressDependent
    } else {
        Filtering::AddressAndPortDependent
    };
    let others =
        [mapping(&socket, other_port.socket().local_addr()?)?, mapping(&socket, other_host.socket().local_addr()?)?];
    let same = others.iter().all(|other| *other == Some(first));
    Ok(Some((if same { Mapping::EndpointIndependent } else { Mapping::EndpointDependent }, filtering)))
}

/// How the socket looks to this server.
fn mapping(socket: &UdpSocket, server: SocketAddr) -> Result<Option<SocketAddr>> {
    let transaction = *b"madang-check";
    // A router that was just made may have to look for its neighbour first.
    socket.send_to(&request(transaction), server)?;
    Ok(receive(socket, |packet, from| (from == server).then(|| mapped(packet, transaction)).flatten()))
}

/// Whether a packet that `sender` sends to the mapping reaches the socket. `known`, who may send,
/// sends another one after it: when that is there, the first one will not come any more.
fn arrives(socket: &UdpSocket, sender: &UdpSocket, known: &UdpSocket, mapping: SocketAddr) -> Result<bool> {
    sender.send_to(b"unasked", mapping)?;
    known.send_to(b"asked", mapping)?;
    Ok(receive(socket, |packet, _| match packet {
        b"unasked" => Some(true),
        b"asked" => Some(false),
        _ => None,
    })
    .unwrap_or(false))
}

/// The first packet that `pick` makes something of.
fn receive<T>(socket: &UdpSocket, pick: impl Fn(&[u8], SocketAddr) -> Option<T>) -> Option<T> {
    let (start, mut packet) = (Instant::now(), [0; 1500]);
    loop {
        let left = PATIENCE.checked_sub(start.elapsed()).filter(|left| !left.is_zero())?;
        socket.set_read_timeout(Some(left)).ok()?;
        let (length, from) = socket.recv_from(&mut packet).ok()?;
        if let Some(found) = pick(&packet[..length], from) {
            return Some(found);
        }
    }
}
