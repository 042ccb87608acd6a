//! One port: the same number for TCP and for UDP.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use tokio::net::TcpListener;

/// How often another free port is tried when its twin of UDP is taken.
const TRIES: usize = 16;

/// Takes the port. Without STUN and TURN, UDP is left alone.
pub(crate) async fn take(listen: SocketAddr, udp: bool) -> io::Result<(TcpListener, Option<UdpSocket>)> {
    let mut tries = if listen.port() == 0 { TRIES } else { 1 };
    loop {
        let tcp = TcpListener::bind(listen).await?;
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
