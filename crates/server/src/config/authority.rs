//! A host and maybe a port, as they stand in a URL.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

/// Longest name of a host (RFC 1035 section 2.3.4).
const HOST_BYTES: usize = 253;

/// `host` or `host:port` (RFC 3986 section 3.2, without user). What a `Host` header says, once it
/// is known to hold nothing that means something else in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// A name or an address; IPv6 in brackets.
    host: String,
    port: Option<u16>,
}

/// It is not a host and maybe a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name or an address and maybe a port, as in call.example.org or [2001:db8::1]:443")]
pub struct NoAuthority;

impl Authority {
    /// This address, without a port.
    pub fn of(address: IpAddr) -> Self {
        let host = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        Self { host, port: None }
    }

    /// The same host on this port.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// The host, with brackets where a URL needs them.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, when it is said.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The host without brackets: for a resolver, or a certificate.
    pub fn name(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }
}

impl FromStr for Authority {
    type Err = NoAuthority;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']').ok_or(NoAuthority)?;
                let address: Ipv6Addr = address.parse().map_err(|_| NoAuthority)?;
                let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(NoAuthority)?) };
                (format!("[{address}]"), port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (name(host)?, Some(port)),
                None => (name(text)?, None),
            },
        };
        Ok(Self { host, port: port.map(number).transpose()? })
    }
}

fn name(text: &str) -> Result<String, NoAuthority> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if begins && text.len() <= HOST_BYTES && text.bytes().all(fits) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(NoAuthority)
    }
}

fn number(text: &str) -> Result<u16, NoAuthority> {
    let digits = text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|port| *port != 0).ok_or(NoAuthority)
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts_with_and_without_a_port() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("Call.Example.org:8443", "call.example.org", Some(8443)),
            ("192.0.2.1:3000", "192.0.2.1", Some(3000)),
            ("[2001:DB8::1]", "[2001:db8::1]", None),
            ("[::1]:443", "[::1]", Some(443)),
            ("xn--o39an51b.example", "xn--o39an51b.example", None),
        ] {
            let authority: Authority = text.parse().expect(text);
            assert_eq!((authority.host(), authority.port()), (host, port));
        }
        assert_eq!("[::1]:443".parse().map(|a: Authority| a.name().to_owned()), Ok("::1".to_owned()));
        assert_eq!(Authority::of("::ffff:192.0.2.1".parse().expect("an address")).host(), "192.0.2.1");
    }

    #[test]
    fn what_means_something_else_is_refused() {
        let long = "a".repeat(HOST_BYTES + 1);
        for text in [
            "",
            ":",
            ":80",
            "host:",
            "host:0",
            "host:65536",
            "host:+80",
            "host:8 0",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "user@host",
            "::1",
            "[::1",
            "[::1]x",
            "[fe80::1%25eth0]",
            "[host]",
            "-host",
            ".host",
            "host:80:80",
            "마당.kr",
            "a\"b",
            "a\\b",
            "a%2fb",
            &long,
        ] {
            assert_eq!(text.parse::<Authority>(), Err(NoAuthority), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_safe_in_a_url(text: String) {
            if let Ok(authority) = text.parse::<Authority>() {
                let text = authority.to_string();
                prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:[]".contains(&b)), "{text}");
                prop_assert_eq!(text.parse(), Ok(authority));
            }
        }
    }
}
