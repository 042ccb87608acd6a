//! Nonces that the relay recognises without having stored them.
//!
//! A nonce is the time it was made and a signature of that time and of the client's address. So
//! a stranger costs no memory, and a nonce is no use from anywhere else.

use std::{net::SocketAddr, time::Duration};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::limits;

const TIME_CHARS: usize = 8;
const SIGNATURE_BYTES: usize = 12;

/// Makes and recognises nonces.
pub(crate) struct Nonces {
    /// Keyed once; a copy is cheaper than a key.
    signer: Option<Hmac<Sha256>>,
}

impl Nonces {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { signer: Hmac::new_from_slice(key).ok() }
    }

    pub(crate) fn make(&self, client: SocketAddr, now: Duration) -> String {
        // Wraps after 136 years.
        let time = now.as_secs() as u32;
        format!("{time:08x}{}", self.signature(client, time))
    }

    /// Whether this client was given the nonce, and not too long ago.
    pub(crate) fn is_good(&self, nonce: &str, client: SocketAddr, now: Duration) -> bool {
        let Some((time, signature)) = nonce.split_at_checked(TIME_CHARS) else { return false };
        let Ok(time) = u32::from_str_radix(time, 16) else { return false };
        let age = now.as_secs().checked_sub(u64::from(time));
        age.is_some_and(|age| age < limits::NONCE.as_secs()) && same(&self.signature(client, time), signature)
    }

    fn signature(&self, client: SocketAddr, time: u32) -> String {
        let Some(signer) = self.signer.clone() else { return String::new() };
        let address = match client.ip() {
            std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            std::net::IpAddr::V6(ip) => ip,
        };
        let signer = signer.chain_update(time.to_be_bytes()).chain_update(address.octets());
        let mac = signer.chain_update(client.port().to_be_bytes()).finalize().into_bytes();
        mac.iter().take(SIGNATURE_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Compares in a time that does not depend on where the two differ.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_for_its_client_for_its_time() {
        let (nonces, others) = (Nonces::new(&[1; 32]), Nonces::new(&[2; 32]));
        let client = "192.0.2.1:5000".parse().expect("an address");
        let made = Duration::from_secs(77);
        let nonce = nonces.make(client, made);
        assert!(nonces.is_good(&nonce, client, made));
        assert!(nonces.is_good(&nonce, client, made + limits::NONCE - Duration::from_secs(1)));
        assert!(!nonces.is_good(&nonce, client, made + limits::NONCE));
        assert!(!nonces.is_good(&nonce, client, made - Duration::from_secs(1)), "from the future");
        assert!(!nonces.is_good(&nonce, "192.0.2.1:5001".parse().expect("an address"), made));
        assert!(!others.is_good(&nonce, client, made));
        for foreign in ["", "0000004d", "zzzzzzzz", &nonce[..nonce.len() - 1], &nonce.replace('0', "1"), "é0000004d"] {
            assert!(!nonces.is_good(foreign, client, made), "{foreign}");
        }
    }
}
