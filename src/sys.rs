//! The browser, wrapped thinly: every wrapper removes its listeners and closures when it is
//! dropped, and none of them decides anything.
//!
//! Callbacks come in two kinds. A listener that may be called many times is a closure with an
//! owner ([`gloo_events::EventListener`], [`socket::Socket`]). The reactions of a promise are
//! handed to the JavaScript collector ([`promise::settled`]): a promise of a closed
//! RTCPeerConnection never settles, and an owner would have to keep its reactions forever.

pub(crate) mod clock;
pub(crate) mod device_changes;
mod encodings;
pub(crate) mod log;
pub(crate) mod media_devices;
pub(crate) mod page;
pub(crate) mod peer_connection;
pub(crate) mod promise;
pub(crate) mod random;
pub(crate) mod request;
pub(crate) mod socket;
pub(crate) mod stats;
pub(crate) mod storage;
pub(crate) mod turn;
pub(crate) mod value;
