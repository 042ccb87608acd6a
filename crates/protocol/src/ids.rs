//! Names of rooms and peers, and the secret a peer keeps.
//!
//! A peer makes a random 128-bit [`Secret`] for a room and keeps it; its [`PeerId`] is the first
//! 128 bits of the secret's SHA-256. So a peer that comes back, to this server or another, is
//! the same peer, and nobody who only saw the id can claim it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::limits;

/// Why a string is not the id it was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It is longer than its limit.
    #[error("must be at most {0} characters long")]
    TooLong(usize),
    /// It holds a character it may not.
    #[error("must not contain {0:?}")]
    Character(char),
    /// It is not 128 bits in lower-case base32 without padding (26 characters).
    #[error("must be 26 characters of lower-case base32")]
    Base32,
}

/// A string newtype that validates in `FromStr`, `TryFrom<String>` and when decoded.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                $check(&text)?;
                Ok(Self(text.into_boxed_str()))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                $check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }
    };
}

/// Shows the text in `Display` and `Debug`; secrets don't get this.
macro_rules! shown {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &self.0)
            }
        }
    };
}

/// Hides the text in `Debug`.
macro_rules! hidden {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

fn plain_text(text: &str, longest: usize) -> Result<(), InvalidId> {
    if text.trim().is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.chars().count() > longest {
        return Err(InvalidId::TooLong(longest));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(InvalidId::Character(c)),
        None => Ok(()),
    }
}

fn room_name(text: &str) -> Result<(), InvalidId> {
    plain_text(text, limits::ROOM_NAME_CHARS)?;
    // These end or split the path of a room link.
    match text.chars().find(|c| matches!(c, '/' | '\\' | '?' | '#')) {
        Some(c) => Err(InvalidId::Character(c)),
        None => Ok(()),
    }
}

fn display_name(text: &str) -> Result<(), InvalidId> {
    plain_text(text, limits::DISPLAY_NAME_CHARS)
}

fn token(text: &str) -> Result<(), InvalidId> {
    plain_text(text, limits::TOKEN_BYTES)
}

fn base32(text: &str) -> Result<(), InvalidId> {
    match decode_base32(text) {
        Some(_) => Ok(()),
        None => Err(InvalidId::Base32),
    }
}

text_id!(
    /// A room's name: 1 to 64 characters, none of them control characters or `/ \ ? #`.
    RoomName, room_name
);
shown!(RoomName);

text_id!(
    /// What a person calls themself in a room: 1 to 40 characters without control characters.
    DisplayName, display_name
);
shown!(DisplayName);

text_id!(
    /// A peer's public name: 128 bits in lower-case base32. Of two peers, the one with the
    /// smaller id is the polite one.
    PeerId, base32
);
shown!(PeerId);

text_id!(
    /// What proves that a page is the peer it says it is: 128 random bits in lower-case base32.
    /// Shown to the server in `join`, never to other peers, never logged.
    Secret, base32
);
hidden!(Secret);

text_id!(
    /// What admits to a guarded room. Never logged.
    Token, token
);
hidden!(Token);

impl PeerId {
    /// The id made of 128 bits.
    pub fn from_bits(bits: [u8; 16]) -> Self {
        Self(encode_base32(bits).into_boxed_str())
    }
}

impl Secret {
    /// The secret made of 128 bits, which must be random.
    pub fn from_bits(bits: [u8; 16]) -> Self {
        Self(encode_base32(bits).into_boxed_str())
    }

    /// The 128 bits.
    pub fn bits(&self) -> [u8; 16] {
        decode_base32(&self.0).unwrap_or_default()
    }
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const CHARS: usize = 26; // 26 × 5 = 130 bits; the last character carries 3 bits and 2 zeroes

fn encode_base32(bits: [u8; 16]) -> String {
    let value = u128::from_be_bytes(bits);
    (0..CHARS)
        .map(|i| {
            let shift = 128 - 5 * (i as i32 + 1);
            let five = if shift >= 0 { value >> shift } else { value << -shift };
            char::from(ALPHABET[(five & 31) as usize])
        })
        .collect()
}

fn decode_base32(text: &str) -> Option<[u8; 16]> {
    if text.len() != CHARS {
        return None;
    }
    let mut value = 0u128;
    for (i, c) in text.bytes().enumerate() {
        let five = ALPHABET.iter().position(|&a| a == c)? as u128;
        let shift = 128 - 5 * (i as i32 + 1);
        if shift >= 0 {
            value |= five << shift;
        } else if five & 3 == 0 {
            value |= five >> -shift;
        } else {
            return None; // one text for one value
        }
    }
    Some(value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn base32_round_trips(bits: [u8; 16]) {
            let text = encode_base32(bits);
            prop_assert_eq!(text.len(), CHARS);
            prop_assert_eq!(decode_base32(&text), Some(bits));
        }

        #[test]
        fn any_text_is_taken_or_refused(text: String) {
            let _ = text.parse::<RoomName>();
            let _ = text.parse::<PeerId>();
            let _ = text.parse::<DisplayName>();
        }
    }

    #[test]
    fn one_value_has_one_text() {
        assert_eq!(PeerId::from_bits([0; 16]).as_str(), "a".repeat(26));
        assert!("aaaaaaaaaaaaaaaaaaaaaaaaab".parse::<PeerId>().is_err());
        assert!("AAAAAAAAAAAAAAAAAAAAAAAAAA".parse::<PeerId>().is_err());
        assert_eq!(PeerId::from_bits([0xff; 16]).as_str(), "7777777777777777777777777".to_owned() + "4");
    }

    #[test]
    fn room_names() {
        for good in ["testRoom", "quiet-river-42", "마당 1", &"x".repeat(64)] {
            assert!(good.parse::<RoomName>().is_ok(), "{good}");
        }
        for bad in ["", "  ", "a/b", "a?b", "a#b", "a\nb", &"x".repeat(65)] {
            assert!(bad.parse::<RoomName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let secret = Secret::from_bits([7; 16]);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
