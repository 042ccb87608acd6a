//! Puts the page, the SDK and the Socket.IO client inside the program: compressed here, once, so
//! that the server never compresses and is one file to copy.
//!
//! The page comes from the folder in `MADANG_DIST`, or `dist` in the target folder, where
//! `cargo xtask` writes it. Without one the program carries a page that says how to make it.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

const PLACEHOLDER: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Madang</title>
<p>This server was built without its page. Run <code>cargo xtask run</code> to build both.</p>
</html>
";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=MADANG_DIST");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);

    let mut files = BTreeMap::new();
    let dist = dist(&out)?;
    println!("cargo::rerun-if-changed={}", dist.display());
    collect(&dist, "", &mut files)?;
    files.entry("/index.html".to_owned()).or_insert_with(|| PLACEHOLDER.into());
    let vendor = manifest.join("../../vendor/socket.io-client");
    for name in ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"] {
        let path = vendor.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        files.insert(format!("/socket.io/{name}"), read(&path)?);
    }

    let mut table = String::from("&[\n");
    for (path, bytes) in files {
        let hash = hex(&Sha256::digest(&bytes));
        let (media_type, compresses) = media_type(&path);
        let identity = store(&out, &hash, "raw", || Ok(bytes.clone()))?;
        let (mut brotli, mut gzip) = ("None".to_owned(), "None".to_owned());
        if compresses && !bytes.is_empty() {
            brotli = format!("Some({})", store(&out, &hash, "br", || compress_brotli(&bytes))?);
            gzip = format!("Some({})", store(&out, &hash, "gz", || compress_gzip(&bytes))?);
        }
        writeln!(
            table,
            "    Asset {{ path: {path:?}, media_type: {media_type:?}, hash: {:?}, identity: {identity}, brotli: {brotli}, gzip: {gzip} }},",
            &hash[..32]
        )?;
    }
    table.push(']');
    prune(&out, &table)?;
    fs::write(out.join("embedded.rs"), table)?;
    Ok(())
}

/// Where the built page is. The default folder is made if need be: cargo looks at a folder that
/// is watched and absent as changed every time.
fn dist(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    if let Some(dist) = env::var_os("MADANG_DIST") {
        let dist = PathBuf::from(dist);
        return if dist.is_dir() {
            Ok(dist)
        } else {
            Err(format!("MADANG_DIST is no folder: {}", dist.display()).into())
        };
    }
    let target = out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let dist = target.unwrap_or(out).join("dist");
    fs::create_dir_all(&dist)?;
    Ok(dist)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("not a name for the web: {name:?}"))?;
        let path = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else {
            files.insert(path, read(&entry.path())?);
        }
    }
    Ok(())
}

/// The `Content-Type` by the file's name, and whether such files become smaller.
fn media_type(path: &str) -> (&'static str, bool) {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => ("text/html; charset=utf-8", true),
        "js" | "mjs" => ("text/javascript; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "wasm" => ("application/wasm", true),
        "json" | "map" => ("application/json", true),
        "webmanifest" => ("application/manifest+json", true),
        "svg" => ("image/svg+xml", true),
        "txt" | "ts" | "md" => ("text/plain; charset=utf-8", true),
        "ico" => ("image/x-icon", true),
        "png" => ("image/png", false),
        "jpg" | "jpeg" => ("image/jpeg", false),
        "webp" => ("image/webp", false),
        "woff2" => ("font/woff2", false),
        _ => ("application/octet-stream", false),
    }
}

/// Writes what `make` makes of a content, or takes what an earlier build made of it.
fn store(
    out: &Path,
    hash: &str,
    form: &str,
    make: impl FnOnce() -> std::io::Result<Vec<u8>>,
) -> Result<String, Box<dyn Error>> {
    let path = out.join(format!("{hash}.{form}"));
    if !path.exists() {
        let unfinished = out.join(format!("{hash}.{form}.new"));
        fs::write(&unfinished, make()?)?;
        fs::rename(&unfinished, &path)?;
    }
    Ok(format!("include_bytes!({path:?})"))
}

/// Removes what earlier builds made and this one does not name.
fn prune(out: &Path, table: &str) -> std::io::Result<()> {
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        // The default folder is in here where the target folder has no tag, as when it was made by hand.
        if entry.file_type()?.is_file() && !table.contains(&*entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn compress_brotli(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams { quality: 11, size_hint: bytes.len(), ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &params)?;
    Ok(compressed)
}

fn compress_gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
