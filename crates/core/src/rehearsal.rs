//! A made-up answer that readies a connection for whoever will answer its offer.
//!
//! A browser builds what encodes and sends only when a remote description says that somebody
//! receives, and a camera's first frames then go into building it. An offer that waits for its
//! peer can be answered for the time being (`pranswer`, webrtc-pc section 4.3.1): one that takes
//! what is offered, over a transport that nobody is at the other end of. The peer's answer
//! replaces it, transport and all, and finds everything in place.

/// What only the offerer has, by the beginning of its line, and what nobody says instead.
const REPLACED: [(&str, Option<&str>); 7] = [
    ("a=setup:", Some("a=setup:active")),
    ("a=ice-ufrag:", Some("a=ice-ufrag:nobody")),
    ("a=ice-pwd:", Some("a=ice-pwd:nobodynobodynobodynobody")),
    (
        "a=fingerprint:",
        Some(
            "a=fingerprint:sha-256 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:\
             00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00",
        ),
    ),
    ("a=candidate:", None),
    ("a=msid:", None),
    ("a=ssrc", None),
];

/// A provisional answer to this offer from nobody: it takes every medium and leads nowhere.
///
/// It also promises what is asked for, so that what receives is made now and stays: in Chromium the
/// audio of a Firefox stayed muted when only the second answer allowed its direction.
///
/// ```
/// # use madang_core::rehearsal::answer;
/// let offer = "v=0\r\na=setup:actpass\r\na=sendrecv\r\na=msid:- camera\r\n";
/// assert_eq!(answer(offer), "v=0\r\na=setup:active\r\na=sendrecv\r\n");
/// ```
pub fn answer(offer: &str) -> String {
    let mut answer = String::with_capacity(offer.len());
    for line in offer.lines() {
        let replaced = REPLACED.iter().find(|(start, _)| line.starts_with(start));
        if let Some(line) = replaced.map_or(Some(line), |(_, other)| *other) {
            answer.push_str(line);
            answer.push_str("\r\n");
        }
    }
    answer
}
