//! Trunk's `<link data-trunk …>` and `<script data-trunk …>` tags in `index.html`: found here, replaced by what the
//! caller gives.
//!
//! The same page works under `trunk serve` and in our own `dist`. Only tags are looked at; everything else passes
//! through byte for byte.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// One `<link data-trunk>` tag, or the start of a `<script data-trunk>` (whose `</script>` stays).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    attributes: BTreeMap<String, String>,
}

impl Link {
    /// The kind of asset: `rust`, `css`, `icon`, …; `script` for a script.
    pub(crate) fn rel(&self) -> Result<&str> {
        self.attribute("rel")
    }

    /// The file or folder, relative to `index.html`.
    pub(crate) fn href(&self) -> Result<&str> {
        self.attribute("href")
    }

    fn attribute(&self, name: &str) -> Result<&str> {
        let value = self.attributes.get(name).with_context(|| format!("a <link data-trunk> has no {name}"))?;
        Ok(value)
    }
}

/// Replaces each such tag by the HTML that `replace` returns for it.
pub(crate) fn replace_links(html: &str, mut replace: impl FnMut(&Link) -> Result<String>) -> Result<String> {
    let mut done = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        done.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = if rest.starts_with("<!--") {
            rest.find("-->").context("a comment in index.html has no end")? + "-->".len()
        } else {
            tag_end(rest)?
        };
        let (tag, after) = rest.split_at(end);
        rest = after;
        match parse_link(tag) {
            Some(link) => done.push_str(&replace(&link)?),
            None => done.push_str(tag),
        }
    }
    done.push_str(rest);
    Ok(done)
}

/// Where the tag at the start of `html` ends; a `>` inside quotes does not end it.
fn tag_end(html: &str) -> Result<usize> {
    let mut quote = None;
    for (at, character) in html.char_indices() {
        match (quote, character) {
            (None, '>') => return Ok(at + 1),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    bail!("a tag in index.html has no end: {}", html.lines().next().unwrap_or_default())
}

fn parse_link(tag: &str) -> Option<Link> {
    let script = tag.strip_prefix("<script");
    let inside = script.or_else(|| tag.strip_prefix("<link"))?.strip_suffix('>')?;
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    let mut attributes = parse_attributes(inside.strip_prefix(|c: char| c.is_ascii_whitespace())?);
    if script.is_some() {
        attributes.insert("rel".to_owned(), "script".to_owned());
        attributes.extend(attributes.get("src").map(|src| ("href".to_owned(), src.clone())));
    }
    attributes.contains_key("data-trunk").then_some(Link { attributes })
}

fn parse_attributes(text: &str) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let name_end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        let (value, after) = match after.trim_start().strip_prefix('=') {
            Some(value) => parse_value(value.trim_start()),
            None => ("", after),
        };
        attributes.insert(name.to_ascii_lowercase(), value.to_owned());
        rest = after.trim_start();
    }
    attributes
}

/// The value at the start of the text, and what follows it.
fn parse_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        replace_links(html, |link| Ok(format!("[{} {}]", link.rel()?, link.href()?))).unwrap()
    }

    #[test]
    fn trunk_links_are_replaced_and_nothing_else() {
        assert_eq!(
            shown("<head>\n<link data-trunk rel=\"css\" href=\"a.css\">\n<link rel=\"x\" href=\"y\">\n</head>"),
            "<head>\n[css a.css]\n<link rel=\"x\" href=\"y\">\n</head>"
        );
    }

    #[test]
    fn attributes_come_in_every_spelling() {
        assert_eq!(shown("<link rel=rust href='Cargo.toml' data-trunk/>"), "[rust Cargo.toml]");
        assert_eq!(shown("<link\n  data-trunk=\"\"\n  REL = \"css\" href=\"a>b.css\" />"), "[css a>b.css]");
    }

    #[test]
    fn scripts_are_links_by_their_src() {
        assert_eq!(shown("<script data-trunk src=\"a.js\"></script>"), "[script a.js]</script>");
        assert_eq!(shown("<script src=\"a.js\"></script>"), "<script src=\"a.js\"></script>");
    }

    #[test]
    fn comments_and_similar_tags_pass_through() {
        for html in ["<!-- <link data-trunk rel=\"css\" href=\"a\"> -->", "<linked data-trunk>", "1 < 2", "마당 <b>"]
        {
            let with_end = format!("{html}>");
            assert_eq!(shown(&with_end), with_end);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = replace_links("<link data-trunk rel=\"css\">", |link| Ok(link.href()?.to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "a <link data-trunk> has no href");
        assert!(replace_links("<link data-trunk", |_| Ok(String::new())).is_err());
    }
}
