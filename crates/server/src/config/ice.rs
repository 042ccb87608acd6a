//! Flags about STUN and TURN: our own relay, or somebody else's.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::Authority;
use crate::{
    credentials,
    relay::{Mode, Quotas},
};

/// Ports of the open relay unless told otherwise (RFC 8656 section 7.2).
const RELAY_PORTS: RangeInclusive<u16> = 49_152..=65_535;

/// How calls find a way through.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "STUN and TURN")]
pub struct Ice {
    /// Whom the relay on this server's port forwards to. Without this flag: closed, or off when
    /// there is a --turn-url.
    #[arg(long, env = "MADANG_RELAY", value_name = "MODE", value_enum)]
    pub relay: Option<RelayMode>,

    /// The ports of the open relay. Without this flag: 49152-65535.
    #[arg(long, env = "MADANG_RELAY_PORTS", value_name = "A-B")]
    pub relay_ports: Option<Ports>,

    /// The address under which others reach the open relay. Can be given twice, for IPv4 and IPv6.
    #[arg(long, env = "MADANG_PUBLIC_IP", value_name = "IP", value_delimiter = ',')]
    pub public_ip: Vec<IpAddr>,

    /// Let the open relay forward to this network, although it is private or this machine's own,
    /// as in 10.1.0.0/16. Can be given more than once.
    #[arg(long, env = "MADANG_RELAY_ALLOW", value_name = "CIDR", value_delimiter = ',')]
    pub relay_allow: Vec<IpNet>,

    /// What credentials are signed with, as coturn's static-auth-secret: give it when other
    /// servers or tools share it. Without this flag: random at every start. Better in the
    /// environment than as a flag, which every user of this machine can read.
    #[arg(long, env = "MADANG_TURN_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub turn_secret: Option<TurnSecret>,

    /// Hand out this TURN server instead of our own relay, as in
    /// `turns:turn.example.org:443?transport=tcp`, with credentials signed with --turn-secret.
    /// Can be given more than once.
    #[arg(long, env = "MADANG_TURN_URL", value_name = "URL", value_delimiter = ',', value_parser = turn_url)]
    pub turn_url: Vec<String>,

    /// Hand out this STUN server instead of our own, as in `stun:stun.example.org`. Can be given
    /// more than once.
    #[arg(long, env = "MADANG_STUN_URL", value_name = "URL", value_delimiter = ',', value_parser = stun_url)]
    pub stun_url: Vec<String>,

    /// The name (and port) under which browsers reach STUN and TURN here. Without this flag: the
    /// one in the browser's address bar, which is right unless a proxy stands before the server.
    #[arg(long, env = "MADANG_PUBLIC_NAME", value_name = "HOST[:PORT]")]
    pub public_name: Option<Authority>,

    /// How much of the relay one may take.
    #[arg(skip)]
    pub quotas: Quotas,

    /// How long credentials for the relay are good for, in seconds, 30 at least. Pages renew them at half
    /// that time; who leaves loses them at once.
    #[arg(long, env = "MADANG_CREDENTIAL_LIFETIME", value_name = "SECONDS", default_value = "600",
          value_parser = lifetime)]
    pub credential_lifetime: Duration,
}

impl Default for Ice {
    fn default() -> Self {
        Self {
            relay: None,
            relay_ports: None,
            public_ip: Vec::new(),
            relay_allow: Vec::new(),
            turn_secret: None,
            turn_url: Vec::new(),
            stun_url: Vec::new(),
            public_name: None,
            quotas: Quotas::default(),
            credential_lifetime: credentials::LIFETIME,
        }
    }
}

/// What our own relay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RelayMode {
    /// Forward only between people in the same room.
    Closed,
    /// Forward to anyone on the internet, from ports of its own, as other TURN servers do.
    Open,
    /// Neither STUN nor TURN here.
    Off,
}

impl Ice {
    /// How our own relay is to be; `None` is off.
    ///
    /// # Errors
    /// A sentence about what does not go together.
    pub fn mode(&self, listen: SocketAddr) -> Result<Option<Mode>, String> {
        let external = !self.turn_url.is_empty();
        if external && self.turn_secret.is_none() {
            return Err(
                "--turn-url needs the secret that it shares with that server: add --turn-secret SECRET".to_owned()
            );
        }
        let mode = match self.relay {
            Some(RelayMode::Closed | RelayMode::Open) if external => {
                return Err("--turn-url hands out another server in place of our relay: leave one of --turn-url and \
                            --relay out"
                    .to_owned());
            }
            Some(mode) => mode,
            None if external => RelayMode::Off,
            None => RelayMode::Closed,
        };
        if mode != RelayMode::Open {
            for (given, flag) in [
                (self.relay_ports.is_some(), "--relay-ports"),
                (!self.public_ip.is_empty(), "--public-ip"),
                (!self.relay_allow.is_empty(), "--relay-allow"),
            ] {
                if given {
                    return Err(format!("{flag} is for the open relay: add --relay open, or leave it out"));
                }
            }
        }
        match mode {
            RelayMode::Off => Ok(None),
            RelayMode::Closed => Ok(Some(Mode::Closed)),
            RelayMode::Open => self.open(listen.ip()).map(Some),
        }
    }

    fn open(&self, listen: IpAddr) -> Result<Mode, String> {
        let bind = if listen.is_unspecified() { Vec::new() } else { vec![listen] };
        let public = if self.public_ip.is_empty() { bind.clone() } else { self.public_ip.clone() };
        if public.is_empty() {
            return Err(
                "--relay open needs the address under which others reach this machine: add --public-ip IP".to_owned()
            );
        }
        for (i, address) in public.iter().enumerate() {
            if address.is_unspecified() || address.is_multicast() {
                return Err(format!("--public-ip {address}: nobody can be reached under this address"));
            }
            if public[..i].iter().any(|other| other.is_ipv4() == address.is_ipv4()) {
                return Err("--public-ip can be given once for IPv4 and once for IPv6".to_owned());
            }
        }
        let ports = self.relay_ports.clone().map_or(RELAY_PORTS, |Ports(ports)| ports);
        Ok(Mode::Open { ports, public, bind, own: own_addresses(), allow: self.relay_allow.clone() })
    }
}

/// This machine's, which a relay must not lead to.
fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().inspect_err(|error| {
        tracing::warn!(%error, "this machine's addresses are not known, so the relay denies only those it listens on");
    });
    interfaces.unwrap_or_default().iter().map(if_addrs::Interface::ip).collect()
}

/// `A-B`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(pub RangeInclusive<u16>);

impl FromStr for Ports {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "the first and the last port, as in 50000-50999";
        let (first, last) = text.split_once('-').ok_or(WRONG)?;
        let (first, last): (u16, u16) = (first.parse().map_err(|_| WRONG)?, last.parse().map_err(|_| WRONG)?);
        if first == 0 || first > last { Err(WRONG) } else { Ok(Self(first..=last)) }
    }
}

/// A secret that is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnSecret(String);

impl TurnSecret {
    /// What to sign with.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for TurnSecret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Err("the secret is empty") } else { Ok(Self(text.to_owned())) }
    }
}

impl fmt::Debug for TurnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TurnSecret")
    }
}

/// A page renews credentials every 15 seconds at most, so what is shorter would run out before.
const SHORTEST_LIFETIME: u64 = 30;

fn lifetime(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if seconds < SHORTEST_LIFETIME {
        return Err(format!("pages could not renew them in time: give {SHORTEST_LIFETIME} seconds at least"));
    }
    Ok(Duration::from_secs(seconds))
}

/// RFC 7065: `turn:host`, `turns:host:port?transport=tcp`.
fn turn_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
    let rest = rest.ok_or("a TURN server's URL begins with turn: or turns:")?;
    let (authority, transport) = rest.split_once("?transport=").unwrap_or((rest, "udp"));
    if !matches!(transport, "udp" | "tcp") {
        return Err("a TURN server's URL ends with ?transport=udp or ?transport=tcp, or with neither".to_owned());
    }
    authority.parse::<Authority>().map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// RFC 7064: `stun:host`, `stun:host:port`.
fn stun_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("stun:").or_else(|| text.strip_prefix("stuns:"));
    let rest = rest.ok_or("a STUN server's URL begins with stun:")?;
    rest.parse::<Authority>().map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ice(change: impl FnOnce(&mut Ice)) -> Result<Option<Mode>, String> {
        let mut ice = Ice::default();
        change(&mut ice);
        ice.mode(([0, 0, 0, 0], 443).into())
    }

    #[test]
    fn closed_by_default_and_off_beside_another() {
        assert_eq!(ice(|_| ()), Ok(Some(Mode::Closed)));
        assert_eq!(ice(|ice| ice.relay = Some(RelayMode::Off)), Ok(None));
        let external = |ice: &mut Ice| {
            ice.turn_url = vec!["turn:example.org".to_owned()];
            ice.turn_secret = "north".parse().ok();
        };
        assert_eq!(ice(external), Ok(None));
    }

    #[test]
    fn open_where_others_reach_it() {
        let public: IpAddr = [192, 0, 2, 1].into();
        let open = |ice: &mut Ice| {
            ice.relay = Some(RelayMode::Open);
            ice.public_ip = vec![public];
            ice.relay_ports = "50000-50999".parse().ok();
        };
        match ice(open) {
            Ok(Some(Mode::Open { ports, public: to, bind, own, allow })) => {
                assert_eq!((ports, to, bind, allow), (50_000..=50_999, vec![public], Vec::new(), Vec::new()));
                assert!(own.contains(&[127, 0, 0, 1].into()), "{own:?}");
            }
            other => panic!("{other:?}"),
        }
        let here = Ice { relay: Some(RelayMode::Open), ..Ice::default() }.mode((public, 443).into());
        assert!(matches!(here, Ok(Some(Mode::Open { public: to, bind, .. })) if to == [public] && bind == to));
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        let refused = |change: fn(&mut Ice), word: &str| {
            let problem = ice(change).expect_err(word);
            assert!(problem.contains(word), "{problem}");
        };
        refused(|ice| ice.turn_url = vec!["turn:example.org".to_owned()], "--turn-secret");
        refused(|ice| ice.relay = Some(RelayMode::Open), "--public-ip");
        refused(|ice| ice.relay_ports = "1-2".parse().ok(), "--relay open");
        refused(|ice| ice.public_ip = vec![[192, 0, 2, 1].into()], "--relay open");
        let both = |ice: &mut Ice| {
            ice.turn_url = vec!["turn:example.org".to_owned()];
            ice.turn_secret = "north".parse().ok();
            ice.relay = Some(RelayMode::Closed);
        };
        refused(both, "leave one of");
        let twice = |ice: &mut Ice| {
            ice.relay = Some(RelayMode::Open);
            ice.public_ip = vec![[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        };
        refused(twice, "once for IPv4");
    }

    #[test]
    fn urls_and_ports_are_looked_at() {
        for url in ["turn:a.example", "turn:a.example:3478?transport=tcp", "turns:[2001:db8::1]:443?transport=tcp"] {
            assert_eq!(turn_url(url), Ok(url.to_owned()));
        }
        for url in ["stun:a.example", "a.example", "turn://a", "turn:a?transport=sctp", "turn:a b", "turn:u@a"] {
            assert!(turn_url(url).is_err(), "{url}");
        }
        assert!(stun_url("stun:a.example:19302").is_ok());
        assert!(stun_url("turn:a.example").is_err());
        for ports in ["", "5", "0-5", "6-5", "1-65536", "a-b"] {
            assert!(ports.parse::<Ports>().is_err(), "{ports}");
        }
    }

    #[test]
    fn credentials_live_long_enough_to_be_renewed() {
        assert_eq!(lifetime("600"), Ok(credentials::LIFETIME));
        assert_eq!(lifetime("30"), Ok(Duration::from_secs(30)));
        for wrong in ["29", "", "soon", "-1"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_secret_does_not_show() {
        let secret: TurnSecret = "north".parse().expect("a secret");
        assert!(!format!("{secret:?}").contains("north"));
        assert!("".parse::<TurnSecret>().is_err());
    }
}
