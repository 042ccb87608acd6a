//! Flags and environment of `madang-server`.

use std::{convert::Infallible, fmt, net::SocketAddr, num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};

use axum::http::HeaderValue;
use clap::{Parser, builder::BoolishValueParser};
use madang_protocol::limits;

use crate::{limits as own, limits::Rates, relay::Mode};

mod authority;
mod ice;
mod tls;

pub use authority::{Authority, NoAuthority};
pub use ice::{Ice, Ports, RelayMode, TurnSecret};
pub use tls::Tls;

/// What `--help` ends with.
pub const AFTER_HELP: &str = "\
Every flag can be given in the environment instead, as MADANG_ and its name: MADANG_LISTEN=[::]:8080.

Browsers give camera and microphone only to pages on https or on localhost. So that people elsewhere
can call, give the server a certificate and let them reach its one port by TCP and by UDP:
  madang-server --listen [::]:443 --tls-cert fullchain.pem --tls-key privkey.pem
`madang-server check` says whether they can.";

/// One small server for video calls: page, signaling, STUN and TURN on one port.
#[derive(Clone, Debug, Parser)]
#[command(name = "madang-server", version, after_help = AFTER_HELP)]
pub struct Config {
    /// Where to listen, by TCP and by UDP. Port 0 takes a free one; the first line of output says
    /// which.
    #[arg(long, env = "MADANG_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// Serve the page from this folder instead of the one inside the program.
    #[arg(long, env = "MADANG_WWW", value_name = "DIR")]
    pub www: Option<PathBuf>,

    /// Let pages of this origin use the server and its SDK, as in `https://example.org`; `*` lets
    /// every page. Can be given more than once (in the environment: separated by commas).
    #[arg(long, env = "MADANG_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<Origin>,

    /// How many people one room holds.
    #[arg(long, env = "MADANG_ROOM_CAPACITY", value_name = "N", default_value_t = default_capacity())]
    pub room_capacity: NonZeroUsize,

    /// How long the seat of a person who lost the connection is kept, in seconds.
    #[arg(long, env = "MADANG_GRACE", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub grace: Duration,

    /// Threads for signaling, HTTP, and what is relayed over TCP and TLS (relaying over UDP has its own). One
    /// passes on tens of thousands of messages a second; with more each message costs more, for threads that wait
    /// must be woken.
    #[arg(long, env = "MADANG_THREADS", value_name = "N", default_value_t = NonZeroUsize::MIN)]
    pub threads: NonZeroUsize,

    /// What to log: error, warn, info, debug or trace, or by module as in `madang_server=debug`.
    #[arg(long, env = "MADANG_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Serve `/metrics`, in Prometheus' text format, on this address and port, and nothing else
    /// there.
    #[arg(long, env = "MADANG_METRICS_LISTEN", value_name = "ADDR:PORT")]
    pub metrics_listen: Option<SocketAddr>,

    /// Serve `/metrics` to everyone, beside the page.
    #[arg(long, env = "MADANG_METRICS_PUBLIC", value_parser = BoolishValueParser::new())]
    pub metrics_public: bool,

    /// Let whoever has the token see who is in a room, remove a peer and close a room, over HTTP on this
    /// address and port: `GET /rooms/ROOM`, `DELETE /rooms/ROOM`, `DELETE /rooms/ROOM/peers/PEER`.
    #[arg(long, env = "MADANG_ADMIN_LISTEN", value_name = "ADDR:PORT")]
    pub admin_listen: Option<SocketAddr>,

    /// What such requests bring: `Authorization: Bearer TOKEN`. At least 16 characters.
    #[arg(long, env = "MADANG_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub admin_token: Option<AdminToken>,

    /// Certificate.
    #[command(flatten)]
    pub tls: Tls,

    /// STUN and TURN.
    #[command(flatten)]
    pub ice: Ice,

    /// How fast one socket may send.
    #[arg(skip)]
    pub rates: Rates,

    /// How long a connection may take until it is known what it speaks.
    #[arg(skip = own::DECIDED_WITHIN)]
    pub decided_within: Duration,

    /// How long a connection may take to send a request's headers, and to send the next request.
    #[arg(skip = own::HEADERS_WITHIN)]
    pub headers_within: Duration,
}

impl Config {
    /// The defaults, on a free port of this machine. For tests and programs that embed the server.
    pub fn local() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            www: None,
            allow_origin: Vec::new(),
            room_capacity: default_capacity(),
            grace: limits::GRACE,
            threads: NonZeroUsize::MIN,
            log: "info".to_owned(),
            metrics_listen: None,
            metrics_public: false,
            admin_listen: None,
            admin_token: None,
            tls: Tls::default(),
            ice: Ice::default(),
            rates: Rates::default(),
            decided_within: own::DECIDED_WITHIN,
            headers_within: own::HEADERS_WITHIN,
        }
    }

    /// Looks at what flags say together, and returns how the relay is to be (`None` is off).
    ///
    /// # Errors
    /// A sentence about what does not go together.
    pub fn check(&self) -> Result<Option<Mode>, String> {
        if let Some(www) = &self.www
            && !www.join("index.html").is_file()
        {
            return Err(format!("--www {}: there is no index.html in this folder", www.display()));
        }
        if self.admin_listen.is_some() != self.admin_token.is_some() {
            return Err("--admin-listen and --admin-token go together".to_owned());
        }
        if self.admin_token.as_ref().is_some_and(|token| !token.will_do()) {
            return Err("--admin-token: give at least 16 characters, printable and without spaces".to_owned());
        }
        self.tls.check()?;
        self.ice.mode(self.listen)
    }
}

fn default_capacity() -> NonZeroUsize {
    NonZeroUsize::new(limits::ROOM_CAPACITY).unwrap_or(NonZeroUsize::MIN)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A token that is not printed, not even one that will not do: that is for [`Config::check`] to say.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken(String);

impl AdminToken {
    /// As requests bring it.
    pub fn text(&self) -> &str {
        &self.0
    }

    fn will_do(&self) -> bool {
        self.0.len() >= 16 && self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl FromStr for AdminToken {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

/// A web origin, or `*` for every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Every page.
    Any,
    /// Pages of this origin, in the form in which browsers send it.
    Exactly(HeaderValue),
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = host.ok_or("an origin begins with http:// or https://")?;
        if host.is_empty() || host.contains(['/', '?', '#', ' ', '@']) {
            return Err("an origin is a scheme, a host and maybe a port: https://example.org:8443, without a path");
        }
        HeaderValue::from_str(&text.to_ascii_lowercase()).map(Self::Exactly).map_err(|_| "not an origin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(args: &[&str]) -> Result<Config, clap::Error> {
        Config::try_parse_from(["madang-server"].iter().chain(args))
    }

    #[test]
    fn the_command_is_sound() {
        Config::command().debug_assert();
    }

    #[test]
    fn flags_are_read() {
        let config = parse(&[
            "--listen",
            "[::1]:0",
            "--grace",
            "0.5",
            "--room-capacity",
            "8",
            "--allow-origin",
            "https://A.example:8443",
            "--allow-origin",
            "*",
        ]);
        let config = config.expect("valid flags");
        assert_eq!(config.listen.port(), 0);
        assert_eq!(config.grace, Duration::from_millis(500));
        assert_eq!(config.room_capacity.get(), 8);
        assert_eq!(config.ice.credential_lifetime, Ice::default().credential_lifetime);
        let origin = HeaderValue::from_static("https://a.example:8443");
        assert_eq!(config.allow_origin, [Origin::Exactly(origin), Origin::Any]);
    }

    #[test]
    fn wrong_values_are_refused() {
        for wrong in [
            ["--listen", "3000"],
            ["--grace", "-1"],
            ["--grace", "soon"],
            ["--room-capacity", "0"],
            ["--allow-origin", "example.org"],
            ["--allow-origin", "https://example.org/page"],
        ] {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
    }
}
