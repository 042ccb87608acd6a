//! Which of the `iceServers` are the server itself: it answers TURN on the port that it serves pages on,
//! so asking there tells whether it is back. A browser that has made some connections in vain makes
//! no fresh ones by HTTP for minutes, and by ICE it does.

use madang_protocol::IceServer;

/// The TURN URLs (RFC 7065) at the host and port of this origin.
pub(super) fn turn_at(origin: &str, ice_servers: &[IceServer]) -> Vec<String> {
    let (rest, default) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(rest), _) => (rest, ":443"),
        (_, Some(rest)) => (rest, ":80"),
        _ => return Vec::new(),
    };
    let authority = rest.trim_end_matches('/');
    let port = if authority.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(':') { "" } else { default };
    let is_own = |url: &&String| {
        let turn = url.strip_prefix("turn:").or_else(|| url.strip_prefix("turns:"));
        let rest = turn.and_then(|turn| turn.strip_prefix(authority)?.strip_prefix(port));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
    };
    ice_servers.iter().flat_map(|server| &server.urls).filter(is_own).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(origin: &str, urls: &[&str]) -> usize {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        turn_at(origin, &[IceServer { urls, username: None, credential: None }]).len()
    }

    #[test]
    fn it_is_the_same_host_and_port() {
        let own = ["stun:a.example:443", "turn:a.example:443?transport=udp", "turns:a.example:443?transport=tcp"];
        assert_eq!(found("https://a.example", &own), 2);
        assert_eq!(found("https://a.example:443/", &own), 2);
        assert_eq!(found("http://a.example", &own), 0);
        assert_eq!(found("https://b.example", &own), 0);
        assert_eq!(found("http://127.0.0.1:3000", &["turn:127.0.0.1:3000?transport=tcp"]), 1);
        assert_eq!(found("http://[::1]:3000", &["turn:[::1]:3000?transport=tcp"]), 1);
        assert_eq!(found("http://[::1]", &["turn:[::1]:80"]), 1);
    }

    #[test]
    fn what_is_no_origin_has_none() {
        for origin in ["", "a.example", "://", "https://"] {
            assert_eq!(found(origin, &["turn:a.example:443"]), 0, "{origin}");
        }
    }
}
