//! Names of rooms: made up, and read from what people type, paste or open.
//!
//! A room's address is `/r/<name>`. What comes after `?` or `#` is no part of the name.

use madang::RoomName;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

const ROOMS: &str = "/r/";

/// What would end a path segment, or looks different once it has been through an address bar.
const SEGMENT: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'/').add(b'<').add(b'>').add(b'?').add(b'\\').add(b'`');

const QUALITIES: [&str; 64] = [
    "amber", "autumn", "bright", "calm", "clear", "cloudy", "cool", "cosy", "crisp", "dawn", "deep", "dewy", "early",
    "evening", "fair", "fine", "first", "floating", "fresh", "gentle", "glad", "golden", "green", "hidden", "high",
    "indigo", "jade", "kind", "late", "light", "little", "long", "lucky", "mellow", "mild", "misty", "moonlit",
    "morning", "mossy", "new", "noble", "old", "open", "pale", "plain", "quick", "quiet", "round", "scarlet", "shady",
    "silent", "silver", "slow", "snowy", "soft", "spring", "still", "summer", "sunny", "sweet", "warm", "wide",
    "winter", "young",
];

const THINGS: [&str; 64] = [
    "bamboo",
    "barley",
    "bell",
    "bird",
    "boat",
    "breeze",
    "bridge",
    "brook",
    "cedar",
    "clay",
    "cloud",
    "crane",
    "creek",
    "drum",
    "field",
    "flute",
    "forest",
    "garden",
    "gate",
    "ginkgo",
    "grove",
    "harbor",
    "heron",
    "hill",
    "island",
    "kite",
    "lake",
    "lantern",
    "leaf",
    "lotus",
    "magpie",
    "maple",
    "meadow",
    "moon",
    "moss",
    "mountain",
    "orchard",
    "paper",
    "path",
    "pear",
    "pebble",
    "persimmon",
    "pine",
    "plum",
    "pond",
    "rain",
    "reed",
    "rice",
    "river",
    "roof",
    "sea",
    "shore",
    "snow",
    "sparrow",
    "star",
    "stone",
    "stream",
    "tea",
    "tiger",
    "valley",
    "village",
    "well",
    "willow",
    "wind",
];

/// A readable name out of 32 random bits: `quiet-river-427`.
pub(crate) fn made_of(random: u32) -> Option<RoomName> {
    let quality = QUALITIES[(random & 63) as usize];
    let thing = THINGS[(random >> 6 & 63) as usize];
    let number = 100 + (random >> 12) % 900;
    format!("{quality}-{thing}-{number}").parse().ok()
}

/// The path of a room.
pub(crate) fn path(room: &RoomName) -> String {
    format!("{ROOMS}{}", utf8_percent_encode(room.as_str(), SEGMENT))
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The start.
    Start,
    /// A room; `now` goes in without a further click.
    Room { room: RoomName, now: bool },
    /// A room whose name cannot be.
    Invalid,
}

impl Route {
    /// Reads `location.pathname` and `location.search`.
    pub(crate) fn read(pathname: &str, search: &str) -> Self {
        let Some(segment) = pathname.strip_prefix(ROOMS) else { return Self::Start };
        let now = search.trim_start_matches('?').split('&').any(|pair| pair == "join=now");
        match decode(segment) {
            Some(room) => Self::Room { room, now },
            None => Self::Invalid,
        }
    }
}

/// What someone typed or pasted to get into a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// A name, or a link to a room of this server.
    Room(RoomName),
    /// A link to the server with this host.
    OtherServer(String),
    /// Neither.
    Invalid,
}

impl Typed {
    /// Reads it; `host` is this server's `location.host`.
    pub(crate) fn read(text: &str, host: &str) -> Self {
        let text = text.trim();
        let without_scheme = text.split_once("://").map(|(_, rest)| rest);
        let name = match (without_scheme.unwrap_or(text).split_once(ROOMS), without_scheme) {
            (Some((before, _)), _) if !before.is_empty() && !before.eq_ignore_ascii_case(host) => {
                return Self::OtherServer(before.to_owned());
            }
            (Some((_, segment)), _) => decode(segment.split(['?', '#']).next().unwrap_or_default()),
            (None, Some(_)) => None,
            (None, None) => text.parse().ok(),
        };
        name.map_or(Self::Invalid, Self::Room)
    }
}

fn decode(segment: &str) -> Option<RoomName> {
    percent_decode_str(segment.trim_end_matches('/')).decode_utf8().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn room(name: &str) -> RoomName {
        name.parse().expect("a room name")
    }

    #[test]
    fn every_random_number_makes_a_name_that_reads_back() {
        for random in [0, 1, 63, 4095, 0x1234_5678, u32::MAX] {
            let made = made_of(random).expect("a valid name");
            assert_eq!(made.as_str().split('-').count(), 3, "{made}");
            assert_eq!(Route::read(&path(&made), ""), Route::Room { room: made, now: false });
        }
    }

    #[test]
    fn no_word_is_there_twice() {
        assert_eq!(QUALITIES.iter().chain(&THINGS).collect::<HashSet<_>>().len(), 128);
    }

    #[test]
    fn addresses() {
        assert_eq!(Route::read("/", "?join=now"), Route::Start);
        assert_eq!(Route::read("/r/pond", ""), Route::Room { room: room("pond"), now: false });
        assert_eq!(Route::read("/r/pond/", "?x=1&join=now"), Route::Room { room: room("pond"), now: true });
        assert_eq!(Route::read("/r/pond", "?join=nowhere"), Route::Room { room: room("pond"), now: false });
        for invalid in ["/r/", "/r/%00", "/r/%ff", "/r/a%2Fb", "/r/%20"] {
            assert_eq!(Route::read(invalid, ""), Route::Invalid, "{invalid}");
        }
    }

    #[test]
    fn any_name_survives_its_path() {
        for name in ["마당 1", "100%", "a+b&c=d", "\"<x>\"", "it's", "ünï"] {
            let path = path(&room(name));
            assert_eq!(Route::read(&path, ""), Route::Room { room: room(name), now: false }, "{path}");
        }
    }

    #[test]
    fn what_people_type() {
        let typed = |text| Typed::read(text, "meet.example:3000");
        for text in [
            "pond",
            "  pond ",
            "/r/pond",
            "meet.example:3000/r/pond",
            "https://meet.example:3000/r/pond",
            "https://MEET.example:3000/r/pond/?join=now#key",
            "http://meet.example:3000/r/po%6Ed",
        ] {
            assert_eq!(typed(text), Typed::Room(room("pond")), "{text}");
        }
        assert_eq!(typed("https://else.example/r/pond"), Typed::OtherServer("else.example".to_owned()));
        for text in ["", " ", "https://meet.example:3000/", "https://meet.example:3000/r/", "a?b", "a/b"] {
            assert_eq!(typed(text), Typed::Invalid, "{text:?}");
        }
    }
}
