//! A name server that knows one name: inside a client's namespace, so that no firewall is in its way.
//!
//! A line in a file of hosts would not do: Chromium looks for STUN and TURN servers by UDP past it, and
//! without an answer it has no candidate of theirs, or has them 13 seconds later.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::namespace::Namespace;

/// Where it is, for the file that tells programs.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PORT: u16 = 53;

const HEADER: usize = 12;
const A: u16 = 1;
const AAAA: u16 = 28;
/// An answer, with recursion available; the last four bits say how it went.
const FOUND: u16 = 0x8180;
const NO_SUCH_NAME: u16 = 0x8183;

/// Answers until dropped.
#[derive(Debug)]
pub(crate) struct Names {
    ended: Arc<AtomicBool>,
    address: Arc<Mutex<IpAddr>>,
    thread: Option<JoinHandle<()>>,
}

impl Names {
    /// Starts one that knows this name, in the namespace whose programs are to know it.
    pub(crate) fn start(namespace: &Namespace, name: &str, address: IpAddr) -> Result<Self> {
        namespace.resolver(&ADDRESS.to_string())?;
        let socket = namespace.within(|| UdpSocket::bind(SocketAddr::new(ADDRESS.into(), PORT)))?;
        let socket = socket.context("the name server's port")?;
        // So that it looks whether it is to end.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (ended, wire) = (Arc::new(AtomicBool::new(false)), encoded(name));
        let address = Arc::new(Mutex::new(address));
        let (told, known) = (ended.clone(), address.clone());
        let thread = thread::spawn(move || {
            let mut packet = [0; 512];
            while !told.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
                let address = *known.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(answer) = answer(&packet[..length], &wire, address) {
                    // Who asks and does not wait for the answer does not get it.
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Ok(Self { ended, address, thread: Some(thread) })
    }

    /// From now on the name has this address.
    pub(crate) fn point_to(&self, address: IpAddr) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A name as it is in a question: each part with its length before it (RFC 1035 section 3.1).
fn encoded(name: &str) -> Vec<u8> {
    let parts = name.split('.').map(|part| (part.len().to_le_bytes()[0], part.as_bytes()));
    parts.flat_map(|(length, part)| [&[length], part].concat()).chain([0]).collect()
}

/// The answer to a packet with one question, of which the first is looked at.
fn answer(packet: &[u8], known: &[u8], address: IpAddr) -> Option<Vec<u8>> {
    let (header, rest) = packet.split_at_checked(HEADER)?;
    let end = rest.iter().position(|byte| *byte == 0)? + 1;
    let (name, rest) = rest.split_at(end);
    let (kind, _) = rest.split_at_checked(2)?;
    let (question, _) = packet.split_at_checked(HEADER + end + 4)?;
    let kind = u16::from_be_bytes([kind[0], kind[1]]);
    let bytes = match address {
        _ if !name.eq_ignore_ascii_case(known) => None,
        IpAddr::V4(ip) if kind == A => Some(ip.octets().to_vec()),
        IpAddr::V6(ip) if kind == AAAA => Some(ip.octets().to_vec()),
        _ => None,
    };
    let flags = if name.eq_ignore_ascii_case(known) { FOUND } else { NO_SUCH_NAME };
    let mut answer = header[..2].to_vec();
    answer.extend(flags.to_be_bytes());
    answer.extend([0, 1, 0, u8::from(bytes.is_some()), 0, 0, 0, 0]);
    answer.extend(&question[HEADER..]);
    if let Some(bytes) = bytes {
        // The name in the question, its type, class IN, a second.
        answer.extend([0xc0, 12, 0, kind.to_be_bytes()[1], 0, 1, 0, 0, 0, 1, 0, bytes.len().to_le_bytes()[0]]);
        answer.extend(bytes);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, kind: u16) -> Vec<u8> {
        let header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        [&header[..], &encoded(name), &kind.to_be_bytes(), &[0, 1]].concat()
    }

    #[test]
    fn a_known_name_has_its_address_and_nothing_else() {
        let known = encoded("call.test");
        let address = "203.0.113.1".parse().expect("an address");
        let answer = |name, kind| answer(&asked(name, kind), &known, address).expect("an answer");
        let found = answer("Call.test", A);
        assert_eq!(found[..8], [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1]);
        assert!(found.ends_with(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 203, 0, 113, 1]));
        assert_eq!(answer("call.test", AAAA)[2..8], [0x81, 0x80, 0, 1, 0, 0]);
        assert_eq!(answer("other.test", A)[2..8], [0x81, 0x83, 0, 1, 0, 0]);
    }

    #[test]
    fn what_is_no_question_has_no_answer() {
        let address = "203.0.113.1".parse().expect("an address");
        for cut in 0..asked("call.test", A).len() {
            assert!(answer(&asked("call.test", A)[..cut], b"", address).is_none());
        }
    }
}
