//! What a connection speaks, by its first bytes. Pure.
//!
//! The kinds cannot be mistaken for each other: a TLS record of a handshake begins with 22, a
//! STUN message with two zero bits and, four bytes on, its cookie (RFC 8489 section 5), and HTTP
//! with a letter. ChannelData (64 to 79, letters too) never comes first on a connection.

/// How many bytes decide at most.
pub(crate) const ENOUGH: usize = 8;

const TLS_HANDSHAKE: u8 = 22;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http,
    /// STUN and TURN.
    Stun,
    Tls,
    /// Nothing that is spoken here.
    Nothing,
}

impl Speaks {
    /// By what has come so far; `None` until that is enough.
    pub(crate) fn by(first: &[u8]) -> Option<Self> {
        match first {
            [] => None,
            [TLS_HANDSHAKE, ..] => Some(Self::Tls),
            [0..=3, rest @ ..] => {
                let cookie = rest.get(3..).unwrap_or_default();
                let known = cookie.len().min(STUN_COOKIE.len());
                match cookie[..known] == STUN_COOKIE[..known] {
                    false => Some(Self::Nothing),
                    true if known == STUN_COOKIE.len() => Some(Self::Stun),
                    true => None,
                }
            }
            _ => Some(Self::Http),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_by_its_first_bytes() {
        for (first, speaks) in [
            (&b"GET / HTTP/1.1\r\n"[..], Some(Speaks::Http)),
            (b"P", Some(Speaks::Http)),
            (b"\x16", Some(Speaks::Tls)),
            (b"\x16\x03\x01\x02\x00\x01", Some(Speaks::Tls)),
            (b"\x00\x03\x00\x08\x21\x12\xa4\x42", Some(Speaks::Stun)),
            (b"\x00\x01\x00\x00\x21\x12\xa4\x42more", Some(Speaks::Stun)),
            (b"", None),
            (b"\x00", None),
            (b"\x00\x03\x00\x08\x21\x12\xa4", None),
            (b"\x00\x03\x00\x08\x21\x13", Some(Speaks::Nothing)),
            (b"\x00\x03\x00\x08\x21\x12\xa4\x43", Some(Speaks::Nothing)),
            (b"\x03\x00\x00\x0b\x06\xe0\x00\x00", Some(Speaks::Nothing)),
        ] {
            assert_eq!(Speaks::by(first), speaks, "{first:?}");
        }
    }

    proptest! {
        #[test]
        fn enough_is_enough_and_more_changes_nothing(first: [u8; ENOUGH], more: Vec<u8>, some in 0..=ENOUGH) {
            let decided = Speaks::by(&first);
            prop_assert!(decided.is_some());
            prop_assert_eq!(Speaks::by(&[&first[..], &more].concat()), decided);
            if let Some(early) = Speaks::by(&first[..some]) {
                prop_assert_eq!(Some(early), decided);
            }
        }
    }
}
