//! Networks to test calls in, made of Linux network namespaces.
//!
//! ```text
//!  client-a 192.168.1.10 -- home-a   192.168.1.1 | 203.0.113.11 --\
//!  client-a 192.168.3.10 -- mobile-a 192.168.3.1 | 203.0.113.13 ---- public 203.0.113.1, .2, .3
//!  client-b 192.168.2.10 -- home-b   192.168.2.1 | 203.0.113.12 --/
//! ```
//!
//! A [`Lab`] has a place for servers in the middle, and two clients, each behind a [`Router`] of a
//! [`Kind`] that can be changed while programs run. Networks get worse on demand: loss, silent
//! cuts, links that go down, delay, another uplink; a [`Fault`] is one of these, [`Ongoing`] until it is
//! dropped. [`observe`] looks at a router from inside and
//! tells what it is, in the terms of RFC 4787, so a test of calls rests on tested networks.
//!
//! Programs run in a [`Namespace`] through `ip netns exec`. The test itself stays outside and needs
//! no way in: a socket belongs to the namespace of the thread that makes it, so
//! [`Namespace::within`] opens one inside and hands it out. No address and no route is added for
//! the test's sake.
//!
//! It takes root, `ip`, `nft` and `conntrack`; [`obstacle`] says what is missing. What a lab makes
//! goes when it is dropped, and what a killed run left behind goes when the next lab is made.
#![cfg(target_os = "linux")]

mod ability;
mod command;
mod delay;
mod fault;
mod lab;
mod names;
mod namespace;
mod nat;
mod router;
mod stun;

pub use ability::{obstacle, possible};
pub use fault::{Fault, Ongoing};
pub use lab::{Family, Lab, Side};
pub use namespace::Namespace;
pub use nat::{Filtering, Mapping, Observation, observe};
pub use router::{Kind, Router};
pub use stun::Responder;
