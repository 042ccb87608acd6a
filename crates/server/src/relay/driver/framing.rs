//! Where messages end in a stream (RFC 8489 section 6.2.2, RFC 8656 section 12.5). Pure.

use crate::relay::limits;

/// What the beginning of some bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A frame of this length, and what it takes up with its padding.
    Frame { length: usize, with_padding: usize },
    /// The beginning of a frame. There are to be this many bytes, as far as one can tell.
    Needs(usize),
    /// None of ours.
    Broken,
}

const CHANNEL_HEADER: usize = 4;
const STUN_HEADER: usize = 20;
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// What these bytes begin with.
pub(crate) fn next(bytes: &[u8]) -> Next {
    let Some(&first) = bytes.first() else { return Next::Needs(CHANNEL_HEADER) };
    if first > 0x7f {
        return Next::Broken;
    }
    let Some((header, rest)) = bytes.split_first_chunk::<CHANNEL_HEADER>() else { return Next::Needs(CHANNEL_HEADER) };
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let length = if first < 0x40 {
        // STUN's lengths are multiples of 4, and what follows is known.
        if !length.is_multiple_of(4) || !MAGIC.starts_with(&rest[..rest.len().min(MAGIC.len())]) {
            return Next::Broken;
        }
        STUN_HEADER + length
    } else {
        CHANNEL_HEADER + length
    };
    let with_padding = length.next_multiple_of(4);
    match with_padding {
        0..=limits::FRAME_BYTES if bytes.len() >= with_padding => Next::Frame { length, with_padding },
        0..=limits::FRAME_BYTES => Next::Needs(with_padding),
        _ => Next::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn channel_data_is_padded() {
        let bytes = [0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 0x40];
        assert_eq!(next(&bytes), Next::Frame { length: 9, with_padding: 12 });
        assert_eq!(next(&bytes[..11]), Next::Needs(12));
        assert_eq!(next(&bytes[..3]), Next::Needs(4));
    }

    #[test]
    fn messages_have_the_magic_cookie() {
        let binding = [&[0, 1, 0, 0][..], &MAGIC, &[7; 12]].concat();
        assert_eq!(next(&binding), Next::Frame { length: 20, with_padding: 20 });
        for cut in 0..20 {
            assert!(matches!(next(&binding[..cut]), Next::Needs(_)), "{cut}");
        }
        assert_eq!(next(b"\0\x01\0\0\x21\x12\xa4\x43"), Next::Broken);
        assert_eq!(next(b"\0\x01\0\x02\x21\x12\xa4\x42"), Next::Broken);
        assert_eq!(next(b"GET / HTTP/1.1"), Next::Frame { length: 0x5420 + 4, with_padding: 0x5424 }.broken_if_long());
        assert_eq!(next(&[0x80]), Next::Broken);
    }

    impl Next {
        fn broken_if_long(self) -> Self {
            match self {
                Self::Frame { with_padding, .. } if with_padding > limits::FRAME_BYTES => Self::Broken,
                other => other,
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            match next(&bytes) {
                Next::Frame { length, with_padding } => {
                    prop_assert!(length > 0 && length <= with_padding && with_padding <= bytes.len());
                }
                Next::Needs(more) => prop_assert!(more > bytes.len() && more <= limits::FRAME_BYTES),
                Next::Broken => {}
            }
        }
    }
}
