//! The files inside the program, and which form of one a request gets.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

/// A file that `build.rs` put inside the program.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its path in URLs.
    pub(crate) path: &'static str,
    media_type: &'static str,
    /// Of the content, in hex.
    hash: &'static str,
    identity: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// All files, in the order of their paths.
static EMBEDDED: &[Asset] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The file of this path.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    EMBEDDED.binary_search_by_key(&path, |asset| asset.path).ok().map(|found| &EMBEDDED[found])
}

impl Asset {
    /// What it holds.
    pub(crate) fn content(&self) -> &'static [u8] {
        self.identity
    }

    /// The response to a GET with these headers: the smallest form the client takes, or nothing
    /// when it has it already.
    pub(crate) fn response(&self, request: &HeaderMap) -> Response {
        let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (body, encoding) = match (self.brotli, self.gzip) {
            (Some(brotli), _) if accepts(accepted, "br") => (brotli, Some("br")),
            (_, Some(gzip)) if accepts(accepted, "gzip") => (gzip, Some("gzip")),
            _ => (self.identity, None),
        };
        let etag = match encoding {
            Some(encoding) => format!("\"{}-{encoding}\"", self.hash),
            None => format!("\"{}\"", self.hash),
        };
        let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let known =
            known.flat_map(|value| value.split(',')).any(|tag| matches!(tag.trim(), "*") || weakly(tag) == etag);

        let mut response = Response::new(if known { Body::empty() } else { Body::from(body) });
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

/// An entity tag for the weak comparison of RFC 9110 section 8.8.3.2.
fn weakly(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Whether an `Accept-Encoding` (RFC 9110 section 12.5.3) takes this coding.
fn accepts(header: &str, coding: &str) -> bool {
    let mut any = false;
    for item in header.split(',') {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts
            .any(|part| part.strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()).is_some_and(|q| q <= 0.0));
        if name.eq_ignore_ascii_case(coding) {
            return !refused;
        }
        any |= name == "*" && !refused;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_negotiated() {
        for (header, coding, taken) in [
            ("gzip, deflate, br, zstd", "br", true),
            ("gzip;q=1.0, br;q=0", "br", false),
            ("gzip;q=0.5", "gzip", true),
            ("*", "br", true),
            ("*;q=0", "br", false),
            ("identity", "gzip", false),
            ("", "gzip", false),
            ("BR", "br", true),
        ] {
            assert_eq!(accepts(header, coding), taken, "{header} {coding}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_holds_the_page() {
        assert!(EMBEDDED.is_sorted_by_key(|asset| asset.path));
        for path in ["/index.html", "/socket.io/socket.io.js", "/socket.io/socket.io.esm.min.js"] {
            assert!(find(path).is_some(), "{path}");
        }
        assert!(find("/socket.io/").is_none());
    }
}
