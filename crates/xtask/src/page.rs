//! The page's files as the server serves them: every name under `assets/` carries the hash of its content, so
//! browsers may keep them for good, and `index.html` loads them all at once.
//!
//! The wasm, its glue and the glue's imports are preloaded in parallel; a line inside the page starts them. The server
//! allows such scripts in its Content-Security-Policy by their hashes.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::files::{self, Files};
use crate::hash::hash;
use crate::html::{Link, replace_links};

/// Where the server serves `assets/`. Absolute, because `/r/<room>` shows the same page.
const ASSETS: &str = "/assets";
/// Where a server serves the Socket.IO client. A script of the page imports it from there under `trunk serve`, and from
/// the program's own copy in `dist`, so that it is loaded once.
const SOCKET_IO: &str = "/socket.io/socket.io.esm.min.js";

/// Builds the page's files from its source folder and what wasm-bindgen made (`NAME.js`, `NAME_bg.wasm`, snippets).
pub(crate) fn assemble(source: &Path, bundle: &Files, name: &str) -> Result<Files> {
    let index = source.join("index.html");
    let html = std::fs::read_to_string(&index).with_context(|| format!("cannot read {}", index.display()))?;
    let mut page = Page { files: Files::new() };
    let mut starts = 0;
    let html = replace_links(&html, |link| {
        starts += usize::from(link.rel()? == "rust");
        page.link(source, link, bundle, name)
    })?;
    if starts != 1 {
        bail!("{} has {starts} `<link data-trunk rel=\"rust\">` tags; it needs one", index.display());
    }
    page.files.insert("index.html".to_owned(), html.into_bytes());
    Ok(page.files)
}

struct Page {
    files: Files,
}

impl Page {
    /// The HTML that stands for one of Trunk's tags; its files are added on the way.
    fn link(&mut self, source: &Path, link: &Link, bundle: &Files, name: &str) -> Result<String> {
        let href = link.href()?;
        let path = source.join(href);
        match link.rel()? {
            "rust" => self.program(bundle, name),
            "css" => {
                let css = read(&path)?;
                refuse_relative_urls(href, &css)?;
                let url = self.asset(file_name(href), css);
                Ok(format!("<link rel=\"stylesheet\" href=\"{url}\">"))
            }
            "script" => Ok(Self::module(&inside(&path)?, bundle)),
            "inline" => Ok(format!("<script>{}</script>", inside(&path)?)),
            "icon" => {
                let url = self.asset(file_name(href), read(&path)?);
                // To draw it is work: the page sets it when it has shown itself.
                Ok(format!("<link rel=\"icon\" href=\"data:,\" data-late=\"{url}\">"))
            }
            "copy-file" => {
                self.files.insert(file_name(href).to_owned(), read(&path)?);
                Ok(String::new())
            }
            "copy-dir" => {
                let folder = file_name(href.trim_end_matches('/'));
                for (inside, content) in files::read(&path)? {
                    self.files.insert(format!("{folder}/{inside}"), content);
                }
                Ok(String::new())
            }
            other => bail!("`cargo xtask` does not know Trunk's rel=\"{other}\" yet (crates/xtask/src/page.rs)"),
        }
    }

    /// The wasm program: glue, wasm, snippets and the module that starts it.
    fn program(&mut self, bundle: &Files, name: &str) -> Result<String> {
        let glue = text(bundle, &format!("{name}.js"))?;
        let wasm = bundle.get(&format!("{name}_bg.wasm")).context("wasm-bindgen made no wasm")?;

        // Snippets import each other by relative paths, so they keep their places in a folder named by their hash.
        let folder = snippet_folder(bundle);
        for (inside, content) in snippets(bundle) {
            self.files.insert(format!("assets/{folder}/{inside}"), content.to_vec());
        }
        let glue = glue.replace("'./snippets/", &format!("'./{folder}/"));
        let glue = glue.replace("\"./snippets/", &format!("\"./{folder}/"));

        let wasm_url = self.asset(&format!("{name}.wasm"), wasm.clone());
        let glue_url = self.asset(&format!("{name}.js"), glue.into_bytes());
        let mut tags = vec![
            format!("<link rel=\"preload\" href=\"{wasm_url}\" as=\"fetch\" type=\"application/wasm\" crossorigin>"),
            format!("<link rel=\"modulepreload\" href=\"{glue_url}\">"),
        ];
        // The browser would find out about them one round trip later.
        for (inside, _) in snippets(bundle).filter(|(inside, _)| inside.ends_with(".js")) {
            tags.push(format!("<link rel=\"modulepreload\" href=\"{ASSETS}/{folder}/{inside}\">"));
        }
        // It is compiled while the scripts that start it are on their way.
        tags.push(format!("<script>var madangProgram = WebAssembly.compileStreaming(fetch(\"{wasm_url}\"));</script>"));
        tags.push(format!(
            "<script type=\"module\">import init from \"{glue_url}\"; init({{ module_or_path: madangProgram }});</script>"
        ));
        Ok(tags.join("\n"))
    }

    /// A module that runs beside the program, with its one allowed import. It stands inside the page, and its
    /// import is preloaded, so it waits for nothing.
    fn module(script: &str, bundle: &Files) -> String {
        let script = match socket_io_snippet(bundle) {
            Some(snippet) => script.replace(SOCKET_IO, &format!("{ASSETS}/{}/{snippet}", snippet_folder(bundle))),
            None => script.to_owned(),
        };
        format!("<script type=\"module\">{script}")
    }

    /// Adds a file under its hashed name and returns its URL.
    fn asset(&mut self, name: &str, content: Vec<u8>) -> String {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
        let file = format!("{stem}-{}.{extension}", hash([content.as_slice()]));
        let url = format!("{ASSETS}/{file}");
        self.files.insert(format!("assets/{file}"), content);
        url
    }
}

/// The modules that the program imports, by their paths in `snippets/`.
fn snippets(bundle: &Files) -> impl Iterator<Item = (&str, &Vec<u8>)> {
    bundle.iter().filter_map(|(path, content)| Some((path.strip_prefix("snippets/")?, content)))
}

fn snippet_folder(bundle: &Files) -> String {
    let all = snippets(bundle).flat_map(|(path, content)| [path.as_bytes(), content.as_slice()]);
    format!("snippets-{}", hash(all))
}

/// The program's copy of the Socket.IO client.
fn socket_io_snippet(bundle: &Files) -> Option<&str> {
    snippets(bundle).map(|(path, _)| path).find(|path| file_name(path) == file_name(SOCKET_IO))
}

/// A style sheet moves to `assets/`; a relative URL in it would lead nowhere.
fn refuse_relative_urls(href: &str, css: &[u8]) -> Result<()> {
    let css = String::from_utf8_lossy(css);
    for url in css.split("url(").skip(1) {
        let url = url.trim_start_matches(['"', '\'']);
        if !["data:", "#", "/"].iter().any(|start| url.starts_with(start)) {
            let shown = url.split(')').next().unwrap_or_default();
            bail!("{href} refers to {shown:?}: use a data: URL, an absolute path, or an <svg> in the page");
        }
    }
    Ok(())
}

/// A script that can stand inside the page.
fn inside(path: &Path) -> Result<String> {
    let script = String::from_utf8(read(path)?).with_context(|| format!("{} is not UTF-8", path.display()))?;
    if script.contains("</") {
        bail!("{} cannot stand inside the page: it has \"</\" in it", path.display());
    }
    Ok(script)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}, which index.html names", path.display()))
}

fn text<'a>(bundle: &'a Files, name: &str) -> Result<&'a str> {
    let content = bundle.get(name).with_context(|| format!("wasm-bindgen made no {name}"))?;
    std::str::from_utf8(content).with_context(|| format!("{name} is not UTF-8"))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(glue: &str) -> Files {
        Files::from([
            ("app.js".to_owned(), glue.as_bytes().to_vec()),
            ("app_bg.wasm".to_owned(), b"\0asm".to_vec()),
            ("snippets/lib-1/inline0.js".to_owned(), b"export const x = 1;".to_vec()),
        ])
    }

    fn program(glue: &str) -> (Files, String) {
        let mut page = Page { files: Files::new() };
        let tags = page.program(&bundle(glue), "app").unwrap();
        (page.files, tags)
    }

    fn script<'a>(files: &'a Files, start: &str) -> (&'a str, &'a str) {
        let is_it = |name: &str| name.starts_with(start) && name.ends_with(".js");
        let (name, content) = files.iter().find(|(name, _)| is_it(name)).unwrap();
        (name, std::str::from_utf8(content).unwrap())
    }

    #[test]
    fn every_asset_has_its_hash_and_every_reference_follows() {
        let (files, tags) = program("import { x } from './snippets/lib-1/inline0.js';\nexport default init;\n");
        let (glue, content) = script(&files, "assets/app-");
        let (snippet, _) = script(&files, "assets/snippets-");
        let import = snippet.strip_prefix("assets/").unwrap();
        assert!(content.starts_with(&format!("import {{ x }} from './{import}';")), "{content}");
        assert!(tags.contains(&format!("import init from \"/{glue}\"")), "{tags}");
        for name in files.keys() {
            assert!(tags.contains(&format!("href=\"/{name}\"")), "{name} is not preloaded: {tags}");
        }
    }

    #[test]
    fn a_changed_snippet_changes_the_names_that_lead_to_it() {
        let glue = "import { x } from './snippets/lib-1/inline0.js';\n";
        let (before, _) = program(glue);
        let mut changed = bundle(glue);
        changed.insert("snippets/lib-1/inline0.js".to_owned(), b"export const x = 2;".to_vec());
        let mut page = Page { files: Files::new() };
        page.program(&changed, "app").unwrap();
        for start in ["assets/snippets-", "assets/app-"] {
            assert_ne!(script(&before, start).0, script(&page.files, start).0);
        }
    }

    #[test]
    fn a_script_imports_the_programs_socket_io_client() {
        let mut bundle = bundle("export default init;\n");
        bundle.insert("snippets/lib-1/socket.io.esm.min.js".to_owned(), b"export const io = 1;".to_vec());
        let mut page = Page { files: Files::new() };
        page.program(&bundle, "app").unwrap();
        let tag = Page::module(&format!("import {{ io }} from \"{SOCKET_IO}\";\n"), &bundle);
        let imported = tag.split('"').nth(3).unwrap();
        assert!(page.files.contains_key(imported.trim_start_matches('/')), "{imported} is not there");
    }

    #[test]
    fn relative_urls_in_styles_are_refused() {
        assert!(refuse_relative_urls("a.css", b"a { background: url(data:image/png;base64,AA) }").is_ok());
        assert!(refuse_relative_urls("a.css", b"a { mask: url(\"#m\") }").is_ok());
        assert!(refuse_relative_urls("a.css", b"a { background: url('b.png') }").is_err());
    }
}
