//! `madang-server check`: can people reach a running server by UDP, TCP and TLS, and if not, what
//! is in their way.
//!
//! It does what a browser does: asks for the page's port, joins a room, and tries every server of
//! the `iceServers` it is told with the credentials it is told. So it needs no secret, and what
//! it finds is what browsers will find from here.

use std::{fmt, net::SocketAddr, str::FromStr};

use madang_protocol::IceServer;

use crate::config::{Authority, Config};

mod http;
mod lenient;
mod net;
mod turn;

use http::Asked;
use net::Connection;
use turn::Way;

/// Where a server is: `https://call.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    tls: bool,
    authority: Authority,
}

/// What was found about one way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Such as `TURN over UDP`.
    pub way: String,
    /// What that means.
    pub verdict: Verdict,
    /// What happened, in a sentence.
    pub words: String,
}

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// People can call this way.
    Works,
    /// The server does not offer this way. It need not.
    Absent,
    /// The server offers this way, and it does not work.
    Fails,
}

impl Place {
    /// Where a server with these flags is, seen from its own machine.
    pub fn of(config: &Config) -> Self {
        let listen = config.listen;
        let here = match listen.ip() {
            ip if !ip.is_unspecified() => ip,
            ip if ip.is_ipv4() => [127, 0, 0, 1].into(),
            _ => [0, 0, 0, 0, 0, 0, 0, 1u16].into(),
        };
        let authority = config.ice.public_name.clone().unwrap_or_else(|| Authority::of(here));
        let port = authority.port().unwrap_or(listen.port());
        Self { tls: config.tls.is_on(), authority: authority.with_port(port) }
    }

    fn port(&self) -> u16 {
        self.authority.port().unwrap_or(if self.tls { 443 } else { 80 })
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err("a server's address begins with https:// or http://".to_owned()),
        };
        // A room's link will do.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        Ok(Self { tls, authority: authority.parse().map_err(|error: crate::config::NoAuthority| error.to_string())? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority)
    }
}

impl Finding {
    fn new(way: impl Into<String>, result: Result<String, String>) -> Self {
        let (verdict, words) = match result {
            Ok(words) => (Verdict::Works, words),
            Err(words) => (Verdict::Fails, words),
        };
        Self { way: way.into(), verdict, words }
    }
}

/// Tries every way, telling `told` of each as it is known. Whether people can call.
pub async fn check(place: &Place, mut told: impl FnMut(&Finding)) -> bool {
    let mut well = true;
    let mut tell = |finding: Finding| {
        well &= finding.verdict != Verdict::Fails;
        told(&finding);
    };
    let page = if place.tls { "page over https" } else { "page over http" };
    let asked = match page_port(place).await {
        Ok((asked, problem)) => {
            let certificate = problem.map(|problem| format!("answers, but browsers warn of it: {problem}"));
            tell(Finding::new(page, certificate.map_or(Ok("answers".to_owned()), Err)));
            asked
        }
        Err(problem) => {
            tell(Finding::new(page, Err(problem)));
            return well;
        }
    };
    let visit = match asked.join().await {
        Ok(visit) => visit,
        Err(problem) => {
            tell(Finding::new("joining a room", Err(problem)));
            return well;
        }
    };
    let servers = &visit.joined.ice_servers;
    for (server, url) in servers.iter().flat_map(|server| server.urls.iter().map(move |url| (server, url))) {
        for finding in ice_server(server, url).await {
            tell(finding);
        }
    }
    let has = |scheme: &str| servers.iter().flat_map(|server| &server.urls).any(|url| url.starts_with(scheme));
    if !has("turn") {
        let missing = "no TURN server is handed out, so calls between strict networks fail: leave --relay off out";
        tell(Finding::new("TURN", Err(missing.to_owned())));
    } else if !has("turns:") {
        let missing = "not served, so networks that let nothing but https out cannot call: give the server a \
                       certificate with --tls-cert and --tls-key";
        tell(Finding { way: "TURN over TLS".to_owned(), verdict: Verdict::Absent, words: missing.to_owned() });
    }
    visit.leave().await;
    well
}

/// The page's port, asked whether it is well, and what is wrong with its certificate.
async fn page_port(place: &Place) -> Result<(Asked, Option<String>), String> {
    let port = place.port();
    let address = addresses(place.authority.name(), port).await?.first().copied().ok_or("the name has no address")?;
    let (connection, problem): (Box<dyn Connection>, _) = if place.tls {
        net::tls(address, place.authority.name()).await.map_err(|error| no_stream(port, &error))?
    } else {
        (Box::new(net::tcp(address).await.map_err(|error| no_stream(port, &error))?), None)
    };
    let mut asked = Asked::over(connection, place.authority.to_string()).await?;
    asked.health().await?;
    Ok((asked, problem))
}

/// Tries one URL, on the first address of each family that its name has.
async fn ice_server(server: &IceServer, url: &str) -> Vec<Finding> {
    let Some(target) = Target::of(url) else {
        return vec![Finding::new(url, Err("this URL cannot be read".to_owned()))];
    };
    let way = target.way();
    let addresses = match addresses(target.authority.name(), target.port).await {
        Ok(addresses) => addresses,
        Err(problem) => return vec![Finding::new(way, Err(problem))],
    };
    let both = addresses.len() > 1;
    let mut findings = Vec::new();
    for address in addresses {
        let family = match (both, address.is_ipv4()) {
            (false, _) => "",
            (true, true) => " (IPv4)",
            (true, false) => " (IPv6)",
        };
        findings.push(Finding::new(format!("{way}{family}"), target.attempt(server, address).await));
    }
    findings
}

/// A STUN or TURN server's URL, taken apart.
struct Target {
    turn: bool,
    tls: bool,
    udp: bool,
    authority: Authority,
    port: u16,
}

impl Target {
    fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let (turn, tls) = match scheme {
            "stun" => (false, false),
            "stuns" => (false, true),
            "turn" => (true, false),
            "turns" => (true, true),
            _ => return None,
        };
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority: Authority = authority.parse().ok()?;
        let port = authority.port().unwrap_or(if tls { 5349 } else { 3478 });
        Some(Self { turn, tls, udp: !tls && query != "transport=tcp", authority, port })
    }

    fn way(&self) -> String {
        let what = if self.turn { "TURN" } else { "STUN" };
        let by = match (self.tls, self.udp) {
            (true, _) => "TLS",
            (false, true) => "UDP",
            (false, false) => "TCP",
        };
        format!("{what} over {by}")
    }

    async fn attempt(&self, server: &IceServer, address: SocketAddr) -> Result<String, String> {
        let port = self.port;
        let (mut way, problem) = if self.udp {
            (Way::udp(address).await.map_err(|error| no_datagrams(port, &error))?, None)
        } else if self.tls {
            let tls = net::tls(address, self.authority.name()).await;
            let (stream, problem) = tls.map_err(|error| no_stream(port, &error))?;
            (Way::Stream(stream), problem)
        } else {
            (Way::Stream(Box::new(net::tcp(address).await.map_err(|error| no_stream(port, &error))?)), None)
        };
        let answered = if self.turn {
            way.allocation(server).await.map(|relayed| format!("relays, by {relayed}"))
        } else {
            way.binding().await.map(|seen| format!("answers, and sees this machine as {seen}"))
        };
        match (answered, problem) {
            (Ok(words), None) => Ok(words),
            (Ok(_), Some(problem)) => Err(format!("answers, but browsers do not use it: {problem}")),
            (Err(turn::Error::Refused(code, reason)), _) => Err(format!("refuses with {code} {reason}")),
            (Err(error), _) if self.udp => Err(no_datagrams(port, &error)),
            (Err(error), _) => Err(format!(
                "TCP port {port} answers, but not as STUN ({error}): a proxy stands in between that speaks only http; \
                 let the port go straight to madang-server"
            )),
        }
    }
}

/// The first address of each family, IPv4 first.
async fn addresses(name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((name, port)).await;
    let found: Vec<_> = found.map_err(|_| format!("the name {name} is not known: look at its DNS entry"))?.collect();
    let first = |v4: bool| found.iter().find(|address| address.is_ipv4() == v4).copied();
    Ok([first(true), first(false)].into_iter().flatten().collect())
}

fn no_stream(port: u16, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
            format!("TCP port {port} answers, but not TLS ({error}): start the server with --tls-cert and --tls-key")
        }
        _ => format!(
            "TCP port {port} does not answer ({error}): is the server running? Open the port in the firewall, or publish \
             it from the container with -p {port}:{port}/tcp"
        ),
    }
}

fn no_datagrams(port: u16, error: &dyn fmt::Display) -> String {
    format!(
        "UDP port {port} does not answer ({error}): open it in the firewall, or publish it from the container with -p \
         {port}:{port}/udp"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        for (text, place) in [
            ("https://call.example.org", "https://call.example.org"),
            ("http://127.0.0.1:3000/r/room?x#key", "http://127.0.0.1:3000"),
            ("https://[::1]:3000/", "https://[::1]:3000"),
        ] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()), Ok(place.to_owned()));
        }
        for text in ["call.example.org", "ftp://a", "https://", "https://user@a"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_place_it_is_where_the_flags_say() {
        let mut config = Config::local();
        config.listen = ([0, 0, 0, 0], 3000).into();
        assert_eq!(Place::of(&config).to_string(), "http://127.0.0.1:3000");
        config.tls.self_signed = true;
        config.ice.public_name = "call.example.org".parse().ok();
        assert_eq!(Place::of(&config).to_string(), "https://call.example.org:3000");
        config.ice.public_name = "call.example.org:443".parse().ok();
        assert_eq!(Place::of(&config).to_string(), "https://call.example.org:443");
    }

    #[test]
    fn urls_are_taken_apart() {
        let way = |url: &str| Target::of(url).map(|target| (target.way(), target.port));
        assert_eq!(way("stun:a.example"), Some(("STUN over UDP".to_owned(), 3478)));
        assert_eq!(way("turn:a.example:443?transport=udp"), Some(("TURN over UDP".to_owned(), 443)));
        assert_eq!(way("turn:[::1]:443?transport=tcp"), Some(("TURN over TCP".to_owned(), 443)));
        assert_eq!(way("turns:a.example?transport=tcp"), Some(("TURN over TLS".to_owned(), 5349)));
        assert_eq!(way("http:a.example"), None);
    }
}
