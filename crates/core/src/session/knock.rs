//! Where to ask by TURN whether the server is there again: at the port that it serves pages on, where it
//! answers TURN too. A browser that has made some connections in vain makes no fresh ones by HTTP for
//! minutes, and by ICE it does.

use madang_protocol::IceServer;

/// The TURN URL (RFC 7065) at the host and port of this origin, by TCP or TLS as pages are served, if it is
/// one of the `iceServers`. What lets a socket through lets that through as well.
pub(super) fn turn_at(origin: &str, ice_servers: &[IceServer]) -> Option<String> {
    let (scheme, rest, default) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(rest), _) => ("turns", rest, ":443"),
        (_, Some(rest)) => ("turn", rest, ":80"),
        _ => return None,
    };
    let authority = rest.trim_end_matches('/');
    let port = if authority.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(':') { "" } else { default };
    let url = format!("{scheme}:{authority}{port}?transport=tcp");
    ice_servers.iter().any(|server| server.urls.contains(&url)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(origin: &str, urls: &[&str]) -> bool {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        turn_at(origin, &[IceServer { urls, username: None, credential: None }]).is_some()
    }

    #[test]
    fn it_is_the_same_host_and_port() {
        let own = ["stun:a.example:443", "turn:a.example:443?transport=tcp", "turns:a.example:443?transport=tcp"];
        assert!(found("https://a.example", &own) && found("https://a.example:443/", &own));
        assert!(!found("https://a.example", &own[..2]), "pages come by TLS");
        assert!(!found("http://a.example", &own) && !found("https://b.example", &own));
        assert!(found("http://127.0.0.1:3000", &["turn:127.0.0.1:3000?transport=tcp"]));
        assert!(!found("http://127.0.0.1:3000", &["turn:127.0.0.1:3000?transport=udp"]));
        assert!(found("http://[::1]:3000", &["turn:[::1]:3000?transport=tcp"]));
        assert!(found("http://[::1]", &["turn:[::1]:80?transport=tcp"]));
    }

    #[test]
    fn what_is_no_origin_has_none() {
        for origin in ["", "a.example", "://", "https://"] {
            assert!(!found(origin, &["turns:a.example:443?transport=tcp"]), "{origin}");
        }
    }
}
