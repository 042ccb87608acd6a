//! A router between a client and the public network: what it maps, what it lets through.

use std::net::IpAddr;

use anyhow::Result;

use crate::namespace::Namespace;

/// What stands between a client and everybody else. Mapping and filtering as in RFC 4787.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One mapping per socket, and only whom it has sent to may answer, from that very port: what
    /// most homes have ("port-restricted cone").
    Cone,
    /// One mapping per socket; whom it has sent to may answer from any port.
    AddressRestricted,
    /// One mapping per socket, open to everybody.
    FullCone,
    /// A new mapping for every peer, so that nobody can be told the one that counts.
    Symmetric,
    /// A firewall that drops UDP.
    UdpBlocked,
    /// A firewall that drops everything but TCP to port 443, questions for names too.
    OnlyTcp443,
    /// A firewall that drops everything but TLS to port 443: it looks at what is said there.
    OnlyTls443,
}

impl Kind {
    /// Every kind, the friendliest first.
    pub const ALL: [Self; 7] = [
        Self::FullCone,
        Self::AddressRestricted,
        Self::Cone,
        Self::Symmetric,
        Self::UdpBlocked,
        Self::OnlyTcp443,
        Self::OnlyTls443,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cone => "cone",
            Self::AddressRestricted => "address-restricted",
            Self::FullCone => "full cone",
            Self::Symmetric => "symmetric",
            Self::UdpBlocked => "UDP blocked",
            Self::OnlyTcp443 => "only TCP 443",
            Self::OnlyTls443 => "only TLS 443",
        }
    }
}

/// A router: `lan` looks to the client, `wan` to the public network.
#[derive(Debug)]
pub struct Router {
    pub(crate) namespace: Namespace,
    /// The one client behind it, which an open port leads to.
    client: IpAddr,
}

impl Router {
    pub(crate) fn new(namespace: Namespace, client: IpAddr) -> Result<Self> {
        namespace.tool("sysctl", &["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"], "")?;
        Ok(Self { namespace, client })
    }

    /// Becomes this kind, heals, and forgets every UDP mapping. TCP connections live on where the new
    /// kind lets them, so pages that stay open need not connect again.
    pub fn become_kind(&self, kind: Kind) -> Result<()> {
        self.namespace.nft(&rules(kind, self.client))?;
        self.forget_udp()
    }

    /// Drops this share of UDP packets, in percent, each way.
    pub fn lose(&self, percent: u8) -> Result<()> {
        self.extra("loss", &format!("meta l4proto udp numgen random mod 100 < {percent} drop"))
    }

    /// Drops every packet while its links stay up: nobody is told.
    pub fn cut(&self) -> Result<()> {
        self.extra("cut", "drop")
    }

    /// Lets packets through again after [`Router::cut`].
    pub fn end_cut(&self) -> Result<()> {
        self.no_more("cut")
    }

    /// Drops UDP, whatever kind of router it is, and remembers its mappings: in mid-call.
    pub fn block_udp(&self) -> Result<()> {
        self.extra("no_udp", "meta l4proto udp drop")
    }

    /// Lets UDP through again after [`Router::block_udp`].
    pub fn let_udp_through(&self) -> Result<()> {
        self.no_more("no_udp")
    }

    /// Ends loss, cut, and blocked UDP.
    pub fn heal(&self) -> Result<()> {
        ["loss", "cut", "no_udp"].into_iter().try_for_each(|table| self.no_more(table))
    }

    fn extra(&self, table: &str, rule: &str) -> Result<()> {
        self.namespace.nft(&format!(
            "table inet {table}; delete table inet {table}
            table inet {table} {{ chain forward {{ type filter hook forward priority -10; {rule}; }}; }}"
        ))
    }

    fn no_more(&self, table: &str) -> Result<()> {
        self.namespace.nft(&format!("table inet {table}; delete table inet {table}"))
    }

    fn forget_udp(&self) -> Result<()> {
        for family in ["ipv4", "ipv6"] {
            // It fails when there is nothing to delete.
            let _ = self.namespace.tool("conntrack", &["-D", "-f", family, "-p", "udp"], "");
        }
        Ok(())
    }
}

/// Drops what is neither TCP nor to port 443.
const ONLY_TCP_443: &str = "oifname wan meta l4proto != tcp drop; oifname wan tcp dport != 443 drop";

/// Drops a connection whose first data do not begin as a record of TLS does, with a content type of
/// 20 to 23 (RFC 8446 section 5.1). Data are in packets longer than the headers of a SYN.
fn only_tls(client: IpAddr) -> String {
    let headers = if client.is_ipv4() { 60 } else { 80 };
    format!(
        "oifname wan ct mark 0 meta length > {headers} @ih,0,8 20-23 ct mark set 1
        oifname wan ct mark 0 meta length > {headers} drop"
    )
}

/// The whole ruleset. IPv6 is filtered alike and not translated.
fn rules(kind: Kind, client: IpAddr) -> String {
    let block = match kind {
        Kind::UdpBlocked => "meta l4proto udp drop".to_owned(),
        Kind::OnlyTcp443 => ONLY_TCP_443.to_owned(),
        Kind::OnlyTls443 => format!("{ONLY_TCP_443}; {}", only_tls(client)),
        _ => String::new(),
    };
    let (open, open6) = match kind {
        Kind::AddressRestricted => ("ip saddr @sent_to meta l4proto udp", "ip6 saddr @sent_to6 meta l4proto udp"),
        Kind::FullCone => ("meta l4proto udp", "meta nfproto ipv6 meta l4proto udp"),
        _ => ("", ""),
    };
    let lead_in = if open.is_empty() || client.is_ipv6() {
        String::new()
    } else {
        format!("iifname wan {open} dnat ip to {client}")
    };
    let let_in = if open6.is_empty() { String::new() } else { format!("iifname wan {open6} ct state new accept") };
    let random = if kind == Kind::Symmetric { "fully-random" } else { "" };
    // What nobody asked for is dropped in `input` before it is confirmed as a connection: its entry
    // would take the port, the client's own packet to that peer would get another one, and a cone
    // would look symmetric.
    format!(
        "flush ruleset
        table inet lab {{
            set sent_to {{ type ipv4_addr; flags dynamic,timeout; timeout 5m; }}
            set sent_to6 {{ type ipv6_addr; flags dynamic,timeout; timeout 5m; }}
            chain forward {{
                type filter hook forward priority 0; policy accept;
                {block}
                oifname wan update @sent_to {{ ip daddr }}
                oifname wan update @sent_to6 {{ ip6 daddr }}
                iifname wan ct state new ct status dnat accept
                {let_in}
                iifname wan ct state new drop
            }}
            chain input {{
                type filter hook input priority 0; policy accept;
                iifname wan ct state new drop
            }}
            chain prerouting {{
                type nat hook prerouting priority dstnat; policy accept;
                {lead_in}
            }}
            chain postrouting {{
                type nat hook postrouting priority srcnat; policy accept;
                meta nfproto ipv4 oifname wan masquerade {random}
            }}
        }}
        "
    )
}
