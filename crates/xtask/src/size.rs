//! What a visitor downloads, held against a budget: `cargo xtask size`.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::files::{self, Files};

/// The SDK's wasm and glue; the Socket.IO client, which many pages have anyway, is not counted.
const SDK_BUDGET: usize = 75_000;
/// The first visit of the page: HTML, CSS, JavaScript with the Socket.IO client, wasm.
const PAGE_BUDGET: usize = 130_000;
/// The file that carries the Socket.IO client.
const SOCKET_IO: &str = "vendor/socket.io-client/socket.io.esm.min.js";

/// As the server compresses: once, ahead of time, as well as it goes.
const BROTLI_QUALITY: u32 = 11;
const BROTLI_WINDOW: u32 = 22;

#[derive(Debug, Default, Clone, Copy)]
struct Sizes {
    plain: usize,
    gzip: usize,
    brotli: usize,
}

/// Prints the table; over budget is an error.
pub(crate) fn check(root: &Path, dist: &Path) -> Result<()> {
    let files = files::read(dist)?;
    let socket_io = std::fs::read(root.join(SOCKET_IO)).with_context(|| format!("cannot read {SOCKET_IO}"))?;
    let sdk = report("SDK, without the Socket.IO client", sdk_files(&files, &socket_io))?;
    let page = report("Page, first visit", page_files(&files))?;
    within("the SDK", sdk, SDK_BUDGET)?;
    within("the page", page, PAGE_BUDGET)
}

fn sdk_files<'a>(files: &'a Files, socket_io: &[u8]) -> Vec<(&'a str, &'a [u8])> {
    let loaded = |name: &str| name.starts_with("sdk/") && (name.ends_with(".js") || name.ends_with(".wasm"));
    // A compile hint stands before it.
    select(files, |name, content| loaded(name) && !content.ends_with(socket_io))
}

fn page_files(files: &Files) -> Vec<(&str, &[u8])> {
    select(files, |name, _| name == "index.html" || name.starts_with("assets/"))
}

fn select(files: &Files, wanted: impl Fn(&str, &[u8]) -> bool) -> Vec<(&str, &[u8])> {
    let all = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    all.filter(|(name, content)| wanted(name, content)).collect()
}

/// Prints one part of the table and returns its total.
fn report(title: &str, files: Vec<(&str, &[u8])>) -> Result<Sizes> {
    println!("{title:<60} {:>9} {:>9} {:>9}", "plain", "gzip", "brotli");
    let mut total = Sizes::default();
    for (name, content) in files {
        let sizes = measure(content)?;
        row(&format!("  {name}"), sizes);
        total.plain += sizes.plain;
        total.gzip += sizes.gzip;
        total.brotli += sizes.brotli;
    }
    row("  all", total);
    Ok(total)
}

fn row(name: &str, sizes: Sizes) {
    println!("{name:<60} {:>9} {:>9} {:>9}", sizes.plain, sizes.gzip, sizes.brotli);
}

fn within(what: &str, sizes: Sizes, budget: usize) -> Result<()> {
    if sizes.brotli > budget {
        let over = sizes.brotli - budget;
        bail!("{what} is {over} bytes over its budget of {budget} (brotli); make it smaller, or say why it may grow");
    }
    println!("{what}: {} of {budget} bytes (brotli), {} to spare", sizes.brotli, budget - sizes.brotli);
    Ok(())
}

fn measure(content: &[u8]) -> Result<Sizes> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(content)?;
    let gzip = gzip.finish()?.len();
    let mut small = Vec::new();
    brotli::CompressorWriter::new(&mut small, 4096, BROTLI_QUALITY, BROTLI_WINDOW).write_all(content)?;
    Ok(Sizes { plain: content.len(), gzip, brotli: small.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_io_client_counts_for_the_page_only() {
        let client = b"io".to_vec();
        let files = Files::from(
            [
                ("index.html", b"<html>".to_vec()),
                ("assets/snippets-1/socket.io.js", client.clone()),
                ("sdk/madang.js", b"js".to_vec()),
                ("sdk/madang.d.ts", b"types".to_vec()),
                ("sdk/snippets/socket.io.js", [b"// hint\n", client.as_slice()].concat()),
            ]
            .map(|(name, content)| (name.to_owned(), content)),
        );
        let names = |chosen: Vec<(&str, &[u8])>| chosen.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(sdk_files(&files, &client)), ["sdk/madang.js"]);
        assert_eq!(names(page_files(&files)), ["assets/snippets-1/socket.io.js", "index.html"]);
    }

    #[test]
    fn what_compresses_is_compressed_and_budgets_hold() {
        let sizes = measure(&[7; 10_000]).unwrap();
        assert_eq!(sizes.plain, 10_000);
        assert!(sizes.gzip < 100 && sizes.brotli < 100, "{sizes:?}");
        assert!(within("it", sizes, sizes.brotli).is_ok());
        assert!(within("it", sizes, sizes.brotli - 1).is_err());
    }
}
