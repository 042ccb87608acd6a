//! What a peer is told about finding a way through: `iceServers`.
//!
//! Built from the name under which the peer's browser found this server, so that it is right
//! without configuration. Credentials are for one peer in one room, and never logged.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use axum::http::{header, request::Parts};
use madang_protocol::{IceServer, message::IceServers};
use madang_protocol::{PeerId, RoomName};

use crate::{
    config::{self, Authority},
    credentials::{Credentials, Issued},
    http::Arrival,
    relay::Relay,
};

/// What is handed out, and on whose behalf.
#[derive(Debug)]
pub(crate) struct Ice {
    public_name: Option<Authority>,
    stun: Vec<String>,
    turn: Turn,
}

#[derive(Debug)]
enum Turn {
    /// Our own, on the port that the peer knows already.
    Own(Relay),
    /// Somebody else's, who shares our secret.
    External {
        urls: Vec<String>,
        credentials: Mutex<Credentials>,
    },
    Off,
}

/// Where a browser found this server, as its first request said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    authority: Authority,
    port: u16,
    tls: bool,
}

impl Found {
    /// By what a request says, and else by where it came in.
    pub(crate) fn by(request: &Parts) -> Self {
        let arrival = request.extensions.get::<Arrival>().copied();
        let Arrival { tls, local } =
            arrival.unwrap_or(Arrival { tls: false, local: SocketAddr::from(([127, 0, 0, 1], 0)) });
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        match host {
            Some(authority) => {
                let port = Authority::port(&authority).unwrap_or(if tls { 443 } else { 80 });
                Self { authority, port, tls }
            }
            None => Self { authority: Authority::of(local.ip()), port: local.port(), tls },
        }
    }
}

impl Ice {
    /// Our own relay if there is one, and else what the flags name.
    pub(crate) fn new(flags: &config::Ice, relay: Option<Relay>) -> Arc<Self> {
        let turn = match (relay, &flags.turn_secret) {
            (Some(relay), _) => Turn::Own(relay),
            (None, Some(secret)) if !flags.turn_url.is_empty() => {
                let credentials = Credentials::new(secret.bytes(), flags.credential_lifetime);
                Turn::External { urls: flags.turn_url.clone(), credentials: Mutex::new(credentials) }
            }
            _ => Turn::Off,
        };
        Arc::new(Self { public_name: flags.public_name.clone(), stun: flags.stun_url.clone(), turn })
    }

    /// For this peer of this room, which is admitted to the relay (again).
    pub(crate) fn servers(&self, found: &Found, room: &RoomName, peer: &PeerId) -> IceServers {
        let host = self.public_name.as_ref().unwrap_or(&found.authority).host();
        let port = self.public_name.as_ref().and_then(Authority::port).unwrap_or(found.port);
        let (urls, issued) = match &self.turn {
            Turn::Own(relay) => {
                let mut urls =
                    vec![format!("turn:{host}:{port}?transport=udp"), format!("turn:{host}:{port}?transport=tcp")];
                if found.tls {
                    urls.push(format!("turns:{host}:{port}?transport=tcp"));
                }
                (urls, Some(relay.credentials(room, peer)))
            }
            Turn::External { urls, credentials } => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
                let issued = credentials.lock().unwrap_or_else(PoisonError::into_inner).issue(room, peer, now);
                (urls.clone(), Some(issued))
            }
            Turn::Off => (Vec::new(), None),
        };
        let stun = match &self.turn {
            Turn::Own(_) if self.stun.is_empty() => vec![format!("stun:{host}:{port}")],
            _ => self.stun.clone(),
        };
        let mut ice_servers = Vec::with_capacity(2);
        if !stun.is_empty() {
            ice_servers.push(IceServer { urls: stun, username: None, credential: None });
        }
        let expires = issued.as_ref().map(|issued| issued.expires.as_secs());
        if let Some(Issued { username, credential, .. }) = issued {
            ice_servers.push(IceServer { urls, username: Some(username), credential: Some(credential) });
        }
        IceServers { ice_servers, expires }
    }

    /// The peer's membership of the room has ended.
    pub(crate) fn revoke(&self, room: &RoomName, peer: &PeerId) {
        if let Turn::Own(relay) = &self.turn {
            relay.revoke(room, peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::{Mode, Options, Quotas};
    use axum::http::{HeaderValue, Request};

    fn found(host: Option<&[u8]>, tls: bool) -> Found {
        let mut request = Request::new(());
        if let Some(host) = host {
            request.headers_mut().insert(header::HOST, HeaderValue::from_bytes(host).expect("a header"));
        }
        let local = SocketAddr::from(([192, 0, 2, 7], 3000));
        request.extensions_mut().insert(Arrival { tls, local });
        Found::by(&request.into_parts().0)
    }

    fn own(flags: &config::Ice) -> Arc<Ice> {
        let options = Options {
            secret: b"north".to_vec(),
            realm: "test".to_owned(),
            mode: Mode::Closed,
            quotas: Quotas::default(),
            credential_lifetime: Duration::from_secs(600),
        };
        Ice::new(flags, Some(Relay::new(options).expect("a relay")))
    }

    fn servers(ice: &Ice, found: &Found) -> IceServers {
        ice.servers(found, &"room".parse().expect("a room"), &PeerId::from_bits([1; 16]))
    }

    fn urls(ice: &Ice, found: &Found) -> Vec<String> {
        servers(ice, found).ice_servers.into_iter().flat_map(|server| server.urls).collect()
    }

    #[test]
    fn where_the_browser_found_us() {
        let ice = own(&config::Ice::default());
        for (host, tls, at) in [
            (Some(&b"call.example.org"[..]), true, "call.example.org:443"),
            (Some(b"call.example.org"), false, "call.example.org:80"),
            (Some(b"Call.Example.org:3000"), true, "call.example.org:3000"),
            (Some(b"127.0.0.1:3000"), false, "127.0.0.1:3000"),
            (Some(b"[::1]:3000"), false, "[::1]:3000"),
            (Some(b"[2001:db8::1]"), true, "[2001:db8::1]:443"),
            // What is no host is not passed on.
            (None, false, "192.0.2.7:3000"),
            (Some(b"a.example/\"},{"), false, "192.0.2.7:3000"),
            (Some(b"a.example?transport=udp#"), false, "192.0.2.7:3000"),
            (Some(b"user@a.example"), false, "192.0.2.7:3000"),
            (Some(b"\xff\xfe"), false, "192.0.2.7:3000"),
            (Some(b""), false, "192.0.2.7:3000"),
        ] {
            let mut expected =
                vec![format!("stun:{at}"), format!("turn:{at}?transport=udp"), format!("turn:{at}?transport=tcp")];
            if tls {
                expected.push(format!("turns:{at}?transport=tcp"));
            }
            assert_eq!(urls(&ice, &found(host, tls)), expected, "{host:?}");
        }
    }

    #[test]
    fn a_name_of_ones_own_goes_first() {
        let name = |name: &str| {
            own(&config::Ice { public_name: Some(name.parse().expect("a name")), ..config::Ice::default() })
        };
        let found = found(Some(b"proxy.example"), false);
        assert_eq!(urls(&name("call.example"), &found)[0], "stun:call.example:80");
        assert_eq!(urls(&name("call.example:3478"), &found)[0], "stun:call.example:3478");
    }

    #[test]
    fn credentials_are_for_turn_only_and_expire() {
        let IceServers { ice_servers, expires } = servers(&own(&config::Ice::default()), &found(None, false));
        assert_eq!(expires, Some(600));
        assert_eq!((&ice_servers[0].username, &ice_servers[0].credential), (&None, &None));
        let user = ice_servers[1].username.as_deref().expect("a user name");
        assert_eq!(ice_servers[1].credential, Some(Credentials::new(b"north", Duration::ZERO).password(user)));
    }

    #[test]
    fn somebody_elses_servers() {
        let external = config::Ice {
            turn_url: vec!["turn:a.example".to_owned(), "turns:a.example:443".to_owned()],
            stun_url: vec!["stun:b.example".to_owned()],
            turn_secret: "north".parse().ok(),
            ..config::Ice::default()
        };
        let ice = Ice::new(&external, None);
        assert_eq!(urls(&ice, &found(None, false)), ["stun:b.example", "turn:a.example", "turns:a.example:443"]);
        let IceServers { ice_servers, expires } = servers(&ice, &found(None, false));
        let user = ice_servers[1].username.as_deref().expect("a user name");
        assert_eq!(ice_servers[1].credential, Some(Credentials::new(b"north", Duration::ZERO).password(user)));
        assert_eq!(expires, Some(600));
        let stun = config::Ice { turn_url: Vec::new(), turn_secret: None, ..external };
        assert_eq!(urls(&own(&stun), &found(None, false))[0], "stun:b.example", "in place of our own");
        let IceServers { ice_servers, expires } = servers(&Ice::new(&stun, None), &found(None, false));
        assert_eq!((ice_servers.len(), expires), (1, None));
        assert_eq!(servers(&Ice::new(&config::Ice::default(), None), &found(None, true)), IceServers::default());
    }
}
