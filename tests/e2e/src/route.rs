//! The way that media takes, out of the browser's own statistics.
//!
//! It is read past the page, which may tell a route of its own, so that the two can be compared: in
//! Chromium through a list of the connections that the page makes, in Firefox through what
//! `about:webrtc` shows.

use std::fmt;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;

use crate::browser::Browser;
use crate::command;
use crate::page::Page;

/// An ICE candidate, as far as a route is concerned (webrtc-stats, `RTCIceCandidateStats`).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// `host`, `srflx`, `prflx` or `relay`.
    pub candidate_type: String,
    /// Between the two ends, or the relay and the other end: `udp` or `tcp`.
    pub protocol: String,
    /// To the relay: `udp`, `tcp` or `tls`.
    #[serde(default)]
    pub relay_protocol: Option<String>,
    /// The IP address, where it is told.
    #[serde(default)]
    pub address: Option<String>,
}

/// The pair of candidates that media goes over, and the others that this end has.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Route {
    /// This end.
    pub local: Candidate,
    /// The other end.
    pub remote: Candidate,
    /// Every candidate of this end.
    pub gathered: Vec<Candidate>,
}

impl Candidate {
    fn is_relay(&self) -> bool {
        self.candidate_type == "relay"
    }
}

/// `srflx`, `relay(tls)`.
impl fmt::Display for Candidate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.candidate_type)?;
        if self.is_relay() {
            write!(formatter, "({})", self.relay_protocol.as_deref().unwrap_or("?"))?;
        }
        Ok(())
    }
}

impl Route {
    /// Whether no relay is in between.
    pub fn is_direct(&self) -> bool {
        !self.local.is_relay() && !self.remote.is_relay()
    }

    /// Every candidate of this end, in a line.
    pub fn gathered(&self) -> String {
        self.gathered.iter().map(Candidate::to_string).collect::<Vec<_>>().join(" ")
    }

    /// `direct`, or by what way the relay is reached: `relay-udp`, `relay-tcp`, `relay-tls`; or `relay`
    /// when it is the other end's.
    pub fn name(&self) -> String {
        match &self.local.relay_protocol {
            Some(protocol) if self.local.is_relay() => format!("relay-{protocol}"),
            _ if self.is_direct() => "direct".to_owned(),
            _ => "relay".to_owned(),
        }
    }
}

/// `prflx-srflx`, `relay(tls)-relay`.
impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.local, self.remote.candidate_type)
    }
}

/// Keeps the connections a page makes, where a script can ask them.
const KEEP: &str = "window.madangConnections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(...configuration) {
            super(...configuration);
            window.madangConnections.push(this);
        }
    };";

/// Chromium: the route of the connected one.
const OF_KEPT: &str = "
    const connection = window.madangConnections?.find((one) => one.connectionState === 'connected');
    if (!connection) return null;
    const stats = [...(await connection.getStats()).values()];
    const transport = stats.find((one) => one.type === 'transport' && one.selectedCandidatePairId);
    return route(stats.find((one) => one.id === transport?.selectedCandidatePairId),
        stats.filter((one) => one.type === 'local-candidate'), stats.filter((one) => one.type === 'remote-candidate'));";

/// Firefox, in its own context: the same out of what it keeps for `about:webrtc`.
const OF_ALL: &str = "
    const { reports } = await new Promise((done) => WebrtcGlobalInformation.getAllStats(done));
    for (const { closed, iceCandidatePairStats: pairs, iceCandidateStats: candidates } of reports) {
        const pair = closed ? null : pairs.find((one) => one.selected && one.bytesReceived > 0);
        if (pair) return route(pair, candidates.filter((one) => one.type === 'local-candidate'),
            candidates.filter((one) => one.type === 'remote-candidate'));
    }
    return null;";

const ROUTE: &str = "
    const only = ({ candidateType, protocol, relayProtocol, address }) => ({
        candidateType, protocol, relayProtocol: relayProtocol || null, address: address || null });
    const route = (pair, local, remote) => {
        const find = (all, id) => all.find((one) => one.id === id);
        const ends = pair && [find(local, pair.localCandidateId), find(remote, pair.remoteCandidateId)];
        return ends?.every(Boolean)
            ? { local: only(ends[0]), remote: only(ends[1]), gathered: local.map(only) } : null;
    };";

/// To be called before the page is opened.
pub(crate) async fn prepare(page: &Page) -> Result<()> {
    if page.browser() == Browser::Chromium {
        page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": KEEP})).await?;
    }
    Ok(())
}

/// The route of the page's call, once it has one.
pub(crate) async fn read(page: &Page) -> Result<Option<Route>> {
    let route = match page.browser() {
        Browser::Chromium => page.async_script(&format!("{ROUTE}{OF_KEPT}"), vec![]).await?,
        Browser::Firefox => command::in_firefox(page.client(), &format!("{ROUTE}{OF_ALL}")).await?,
    };
    serde_json::from_value(route.clone()).with_context(|| format!("no route: {route}"))
}
