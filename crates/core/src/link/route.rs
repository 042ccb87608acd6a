//! The route that media takes, in a word: what `getStats()` says of the selected candidate pair
//! (webrtc-stats sections 8.16 and 8.19).

/// The route between two peers, as far as this side can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Straight from one to the other.
    Direct,
    /// Through a relay, over UDP.
    RelayUdp,
    /// Through a relay, over TCP: UDP does not get through.
    RelayTcp,
    /// Through a relay, over TLS: only what looks like the web gets through.
    RelayTls,
}

impl Route {
    /// The route by the pair's local and remote `candidateType` and the local `relayProtocol`.
    ///
    /// A relay that is only the other side's is reached over UDP from here.
    ///
    /// ```
    /// # use madang_core::Route;
    /// assert_eq!(Route::of("srflx", "host", ""), Route::Direct);
    /// assert_eq!(Route::of("relay", "relay", "tls"), Route::RelayTls);
    /// assert_eq!(Route::of("host", "relay", ""), Route::RelayUdp);
    /// ```
    pub fn of(local: &str, remote: &str, relay_protocol: &str) -> Self {
        match (local, remote, relay_protocol) {
            ("relay", _, "tls") => Self::RelayTls,
            ("relay", _, "tcp") => Self::RelayTcp,
            ("relay", ..) | (_, "relay", _) => Self::RelayUdp,
            _ => Self::Direct,
        }
    }
}
