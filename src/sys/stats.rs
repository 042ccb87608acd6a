//! `getStats()` (webrtc-stats): the two ends of the pair of candidates that media goes by.

use js_sys::{Map, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// Of a pair, in Firefox only.
const SELECTED: &str = "selected";

/// The selected pair of a report.
#[derive(Debug, Default)]
pub(crate) struct SelectedPair {
    /// `candidateType` of the local end.
    pub(crate) local: String,
    /// `candidateType` of the remote end.
    pub(crate) remote: String,
    /// `relayProtocol` of the local end, if it is relayed.
    pub(crate) relay_protocol: String,
    /// `bytesReceived`.
    pub(crate) received: u64,
    /// It says of itself that it is selected: the agent is Firefox's.
    pub(crate) says_so: bool,
}

impl SelectedPair {
    /// The pair that the transport names, or that says of itself that it is selected (older versions of Firefox).
    pub(crate) fn of(report: &JsValue) -> Option<Self> {
        let report: &Map = report.unchecked_ref();
        let mut pair = JsValue::UNDEFINED;
        report.for_each(&mut |stats, _| {
            let named = report.get(&field(&stats, "selectedCandidatePairId"));
            if !named.is_undefined() {
                pair = named;
            } else if pair.is_undefined() && field(&stats, SELECTED).is_truthy() {
                pair = stats;
            }
        });
        let end = |name| report.get(&field(&pair, name));
        let text = |end: &JsValue, name| field(end, name).as_string().unwrap_or_default();
        let (local, remote) = (end("localCandidateId"), end("remoteCandidateId"));
        local.is_object().then(|| Self {
            relay_protocol: text(&local, "relayProtocol"),
            local: text(&local, "candidateType"),
            remote: text(&remote, "candidateType"),
            says_so: field(&pair, SELECTED).is_truthy(),
            received: field(&pair, "bytesReceived").as_f64().unwrap_or_default() as u64,
        })
    }
}

/// A property; of what has none, undefined.
fn field(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or_default()
}
