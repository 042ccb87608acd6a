//! The least of STUN (RFC 8489): ask for one's own address from outside, and answer that question.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;

use crate::namespace::Namespace;

const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_RESPONSE: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
const HEADER: usize = 20;

/// A binding request with this transaction.
pub(crate) fn request(transaction: [u8; 12]) -> Vec<u8> {
    [&BINDING_REQUEST[..], &[0, 0], &COOKIE, &transaction].concat()
}

/// The address in the response to this transaction.
pub(crate) fn mapped(response: &[u8], transaction: [u8; 12]) -> Option<SocketAddr> {
    let (header, mut rest) = response.split_at_checked(HEADER)?;
    if header[..2] != BINDING_RESPONSE || header[8..] != transaction {
        return None;
    }
    while let Some((head, more)) = rest.split_at_checked(4) {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = more.get(..length)?;
        if head[..2] == XOR_MAPPED_ADDRESS {
            return decode(value, transaction);
        }
        rest = more.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn response(request: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let transaction: [u8; 12] = request.get(8..HEADER)?.try_into().ok()?;
    if request[..2] != BINDING_REQUEST || request[4..8] != COOKIE {
        return None;
    }
    let address = encode(from, transaction);
    let length = u8::try_from(address.len()).ok()?;
    Some(
        [&BINDING_RESPONSE[..], &[0, length + 4], &COOKIE, &transaction, &XOR_MAPPED_ADDRESS, &[0, length], &address]
            .concat(),
    )
}

/// Bytes XORed with cookie and transaction (section 14.2): some routers rewrite addresses they see.
fn masked(bytes: &[u8], transaction: [u8; 12]) -> Vec<u8> {
    bytes.iter().zip(COOKIE.iter().chain(&transaction)).map(|(byte, mask)| byte ^ mask).collect()
}

fn encode(address: SocketAddr, transaction: [u8; 12]) -> Vec<u8> {
    let (family, ip) = match address.ip() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    [vec![0, family], masked(&address.port().to_be_bytes(), transaction), masked(&ip, transaction)].concat()
}

fn decode(value: &[u8], transaction: [u8; 12]) -> Option<SocketAddr> {
    let (head, ip) = value.split_at_checked(4)?;
    let port = masked(&head[2..], transaction);
    let ip = masked(ip, transaction);
    let ip = match head[1] {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?).into(),
        2 => Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes([port[0], port[1]])))
}

/// Answers binding requests on one address, until dropped. Anything else it sends back as it came.
#[derive(Debug)]
pub struct Responder {
    socket: Arc<UdpSocket>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Starts one in this namespace.
    pub fn start(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        let socket = Arc::new(namespace.within(|| UdpSocket::bind(address))??);
        // So that it looks whether it is to end.
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        let (ended, answering) = (Arc::new(AtomicBool::new(false)), socket.clone());
        let told = ended.clone();
        let thread = thread::spawn(move || {
            let mut packet = [0; 1500];
            while !told.load(Ordering::Relaxed) {
                let Ok((length, from)) = answering.recv_from(&mut packet) else { continue };
                let answer = response(&packet[..length], from).unwrap_or_else(|| packet[..length].to_vec());
                // The network is there to lose packets.
                let _ = answering.send_to(&answer, from);
            }
        });
        Ok(Self { socket, ended, thread: Some(thread) })
    }

    /// The socket it answers from, to send what nobody asked for.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_was() {
        let transaction = *b"madang-tests";
        for address in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let address = address.parse().expect("an address");
            let answer = response(&request(transaction), address).expect("a request");
            assert_eq!(mapped(&answer, transaction), Some(address));
            assert_eq!(mapped(&answer, *b"another-one."), None);
        }
    }

    /// RFC 5769, section 2.2: the value of XOR-MAPPED-ADDRESS for 192.0.2.1 port 32853.
    #[test]
    fn the_address_is_masked_as_the_rfc_has_it() {
        let transaction = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
        let address = "192.0.2.1:32853".parse().expect("an address");
        assert_eq!(encode(address, transaction), [0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    }
}
