//! Which peers outside an open relay forwards to.
//!
//! Everything that is not an ordinary public address is denied: a relay stands in the middle of
//! its operator's network, and those who use it are strangers. So are addresses of IPv6 that
//! carry one of IPv4 inside: a translator may be near.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

const DENIED_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Of global unicast: Teredo and other protocols, documentation, 6to4.
const DENIED_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// All of IPv6 that is given out to networks. What is not in it is denied.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Says who is denied.
#[derive(Debug)]
pub(crate) struct Policy {
    own: Vec<IpAddr>,
    allow: Vec<IpNet>,
}

impl Policy {
    /// Denies this machine's `own` addresses too, and allows what the operator allowed.
    pub(crate) fn new(own: impl IntoIterator<Item = IpAddr>, allow: Vec<IpNet>) -> Self {
        Self { own: own.into_iter().map(|ip| ip.to_canonical()).collect(), allow }
    }

    pub(crate) fn denies(&self, peer: IpAddr) -> bool {
        if self.allow.iter().any(|net| net.contains(&peer)) {
            return false;
        }
        self.own.contains(&peer)
            || match peer {
                IpAddr::V4(ip) => DENIED_V4.iter().any(|&net| in_v4(ip, net)),
                IpAddr::V6(ip) => !in_v6(ip, GLOBAL_V6) || DENIED_V6.iter().any(|&net| in_v6(ip, net)),
            }
    }
}

fn in_v4(ip: Ipv4Addr, (net, bits): (Ipv4Addr, u8)) -> bool {
    (u32::from(ip) ^ u32::from(net)) >> (32 - bits) == 0
}

fn in_v6(ip: Ipv6Addr, (net, bits): (Ipv6Addr, u8)) -> bool {
    (u128::from(ip) ^ u128::from(net)) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_public_addresses_pass() {
        let policy = Policy::new([ip("93.184.215.14"), ip("2a00:1450::1")], Vec::new());
        for denied in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "93.184.215.14",
            "::",
            "::1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2a00:1450::1",
        ] {
            assert!(policy.denies(ip(denied)), "{denied}");
        }
        for allowed in
            ["8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "198.20.0.1", "223.255.255.255", "2a00:1450::2"]
        {
            assert!(!policy.denies(ip(allowed)), "{allowed}");
        }
    }

    #[test]
    fn what_the_operator_allows_passes() {
        let allow = ["10.1.0.0/16", "fd00::/8", "127.0.0.1/32"].map(|net| net.parse().expect("a network"));
        let policy = Policy::new([], allow.to_vec());
        for allowed in ["10.1.2.3", "fd12::1", "127.0.0.1"] {
            assert!(!policy.denies(ip(allowed)), "{allowed}");
        }
        for denied in ["10.2.0.1", "127.0.0.2", "::ffff:10.1.2.3", "::1"] {
            assert!(policy.denies(ip(denied)), "{denied}");
        }
    }
}
