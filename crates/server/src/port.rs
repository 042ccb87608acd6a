//! One port: the same number for TCP and for UDP.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use tokio::net::{TcpListener, TcpSocket};

use crate::limits;

/// How often another free port is tried when its twin of UDP is taken.
const TRIES: usize = 16;

/// Takes the port. Without STUN and TURN, UDP is left alone.
pub(crate) fn take(listen: SocketAddr, udp: bool) -> io::Result<(TcpListener, Option<UdpSocket>)> {
    let mut tries = if listen.port() == 0 { TRIES } else { 1 };
    loop {
        let tcp = listener(listen)?;
        if !udp {
            return Ok((tcp, None));
        }
        tries -= 1;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(socket) => return Ok((tcp, Some(socket))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("the port's UDP, for STUN and TURN: {error}")));
            }
        }
    }
}

/// As tokio's own, but with a longer queue: that has 128 places, and whoever comes when they are
/// taken waits a second and more for the system's next try, as all would after a restart.
fn listener(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Elsewhere it would let two programs have the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(limits::BACKLOG)
}
