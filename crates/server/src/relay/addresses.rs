//! The addresses that allocations are known by.
//!
//! In a closed relay they are virtual: nobody but the relay ever sends there. They come from the
//! networks that are set aside for documentation (RFC 5737, RFC 3849), because a browser must
//! take them for an ordinary candidate (so not loopback, not link-local, no port below 1024),
//! and because what a browser sends there directly, which it tries, must reach nobody (so not
//! somebody's network, and not a private one, which could be the client's own).
//!
//! Each allocation gets another IP address than the one before, so that a permission, which is
//! for an IP address and all its ports, is for one allocation in all but name: Firefox makes
//! only one per IP address, and gives up all when one is refused. An address comes again only after
//! all others, so what was meant for one allocation never reaches the next.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Hosts of a virtual network: 1 to 254.
const HOSTS: u64 = 254;
/// Ports of each: 1024 to 65535, of which half are even.
const PORTS: u64 = 65_536 - FIRST_PORT;
const FIRST_PORT: u64 = 1_024;
/// Addresses whose port is even, and as many whose port is odd.
const HALF: u64 = HOSTS * PORTS / 2;

/// Of which family an allocation's address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// Gives out virtual addresses: those with an even port to whoever asks for one (EVEN-PORT), so
/// that nobody uses up more than one at a time, and the others to all others.
#[derive(Debug)]
pub(crate) struct Virtual {
    next_even: u64,
    next_odd: u64,
}

impl Virtual {
    /// Begins anywhere, so that what was meant for an earlier run of the server finds nobody.
    pub(crate) fn new(seed: u64) -> Self {
        Self { next_even: seed % HALF, next_odd: seed % HALF }
    }

    pub(crate) fn next(&mut self, family: Family, even: bool) -> SocketAddr {
        let next = if even { &mut self.next_even } else { &mut self.next_odd };
        let number = *next;
        *next = (number + 1) % HALF;
        // Both fit: see the constants.
        let host = (1 + number % HOSTS) as u8;
        let port = (FIRST_PORT + 2 * (number / HOSTS) + u64::from(!even)) as u16;
        let ip = match family {
            Family::V4 => Ipv4Addr::new(192, 0, 2, host).into(),
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()).into(),
        };
        SocketAddr::new(ip, port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_once_before_any_again() {
        let mut addresses = Virtual::new(u64::MAX);
        let mut seen = vec![false; 1 << 24];
        let mut see = |address: SocketAddr| match address {
            SocketAddr::V4(address) => {
                let place = usize::from(address.ip().octets()[3]) << 16 | usize::from(address.port());
                std::mem::replace(&mut seen[place], true)
            }
            SocketAddr::V6(_) => panic!("of IPv4"),
        };
        for number in 0..2 * HALF {
            let even = number % 2 == 0;
            let address = addresses.next(Family::V4, even);
            assert!(address.port() >= 1024 && address.port().is_multiple_of(2) == even, "{address}");
            assert!(!see(address), "{address} again");
        }
        assert!(see(addresses.next(Family::V4, true)));
        assert!(see(addresses.next(Family::V4, false)));
    }

    #[test]
    fn neighbours_have_different_ips() {
        let mut addresses = Virtual::new(253);
        assert_ne!(addresses.next(Family::V4, false).ip(), addresses.next(Family::V4, false).ip());
        assert!(addresses.next(Family::V6, false).is_ipv6());
    }
}
