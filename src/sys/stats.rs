//! `getStats()` (webrtc-stats): the pair of candidates that media goes by, and what came of video.

use js_sys::{Map, Reflect};
use madang_core::{ConnectionInput, Route, Video};
use wasm_bindgen::{JsCast, JsValue};

/// Of a pair, in Firefox only.
const SELECTED: &str = "selected";

/// What a report says, if there is a selected pair: the one that the transport names, or, in Firefox, that says of
/// itself that it is.
pub(super) fn read(report: &JsValue) -> Option<ConnectionInput> {
    let report: &Map = report.unchecked_ref();
    let mut pair = JsValue::UNDEFINED;
    let mut video = Video::default();
    report.for_each(&mut |stats, _| {
        // Only what comes of video has it; bytes are received of more, and by the other end.
        if let Some(frames) = field(&stats, "framesDecoded").as_f64() {
            video.frames += frames as u64;
            video.bytes += number(&stats, "bytesReceived");
        }
        if field(&stats, SELECTED).is_truthy() {
            pair = stats;
        } else if pair.is_undefined() {
            pair = report.get(&field(&stats, "selectedCandidatePairId"));
        }
    });
    let end = |name| report.get(&field(&pair, name));
    let text = |end: &JsValue, name| field(end, name).as_string().unwrap_or_default();
    let (local, remote) = (end("localCandidateId"), end("remoteCandidateId"));
    let kind = |end| text(end, "candidateType");
    let firefox = field(&pair, SELECTED).is_truthy();
    local.is_object().then(|| ConnectionInput::Stats {
        route: Route::of(&kind(&local), &kind(&remote), &text(&local, "relayProtocol")),
        received: number(&pair, "bytesReceived"),
        improves: !firefox,
        video: if firefox { video } else { Video::default() },
    })
}

/// A number; of what has none, zero.
fn number(of: &JsValue, name: &str) -> u64 {
    field(of, name).as_f64().unwrap_or_default() as u64
}

/// A property; of what has none, undefined.
fn field(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or_default()
}
