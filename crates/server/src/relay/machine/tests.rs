//! The machine as its clients see it, with a client that speaks STUN.

mod arbitrary;
mod client;
mod closed;
mod errors;
mod lifetimes;
mod open;
mod quotas;
mod soak;

use std::{net::SocketAddr, time::Duration};

use madang_protocol::{PeerId, RoomName};

use self::client::World;
use super::*;
use crate::relay::{
    flow::{Local, StreamKind},
    limits,
};

const SECRET: &[u8] = b"north";

fn room(name: &str) -> RoomName {
    name.parse().expect("a room")
}

fn peer(number: u8) -> PeerId {
    PeerId::from_bits([number; 16])
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
