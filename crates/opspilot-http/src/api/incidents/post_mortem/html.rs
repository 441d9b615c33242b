//! A document as a page to print, without scripts, links, images and forms.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opspilot_core::error::escape;
use ring::digest;

use super::super::super::problem::Problem;
use super::document::{Block, Document, Event};

/// The one style of the page. The policy allows it by its digest, and nothing else.
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}h1{font-size:1.5rem}h2{font-size:1.2rem;border-bottom:1px solid #bbb}\
h1,h2,h3,code,pre,td{overflow-wrap:anywhere}pre{white-space:pre-wrap;background:#f4f4f4;padding:.6rem}\
th{text-align:left;vertical-align:top;padding-right:1rem;font-weight:600}td{vertical-align:top}\
tr,li{break-inside:avoid}h2,h3{break-after:avoid}@page{margin:18mm}@media print{body{margin:0;max-width:none}}";

/// What the page may do: wear its style.
///
/// # Errors
/// Never: the digest is a header value.
pub(super) fn policy() -> Result<HeaderValue, Problem> {
    let digest = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).map_err(|error| Problem::internal(error.to_string()))
}

/// `document` as a page.
pub(super) fn write(document: &Document) -> String {
    let (word, title) = &document.title;
    let title = format!("{word}: {}", text(title));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n"
    );
    for block in &document.blocks {
        add(&mut page, block);
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// Writing into a `String` cannot fail.
fn add(page: &mut String, block: &Block) {
    match block {
        Block::Chapter(name) => writeln!(page, "<h2>{name}</h2>").ok(),
        Block::Section(name) => writeln!(page, "<h3>{}</h3>", text(name)).ok(),
        Block::Sentence(sentence) => writeln!(page, "<p>{sentence}</p>").ok(),
        Block::Facts(facts) => table(page, facts).ok(),
        Block::Events(events) => list(page, events).ok(),
        Block::Quote(quoted) => writeln!(page, "<pre>{}</pre>", lines(quoted)).ok(),
    };
}

fn table(page: &mut String, facts: &[(&'static str, String)]) -> std::fmt::Result {
    writeln!(page, "<table>")?;
    for (label, value) in facts {
        let value = text(value);
        writeln!(
            page,
            "<tr><th scope=\"row\">{label}</th><td>{value}</td></tr>"
        )?;
    }
    writeln!(page, "</table>")
}

fn list(page: &mut String, events: &[Event]) -> std::fmt::Result {
    writeln!(page, "<ul>")?;
    for event in events {
        let (at, what, by) = (text(&event.at), text(&event.what), text(&event.by));
        write!(page, "<li><time>{at}</time> <b>{what}</b> by {by}")?;
        for (label, value) in &event.more {
            write!(page, ", {label} <code>{}</code>", text(value))?;
        }
        writeln!(page, "</li>")?;
    }
    writeln!(page, "</ul>")
}

/// `outside` on one line, as nothing but text.
fn text(outside: &str) -> String {
    let mut safe = String::with_capacity(outside.len());
    for character in escape(outside).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// `outside` with its lines, as nothing but text.
fn lines(outside: &str) -> String {
    let lines: Vec<String> = outside.lines().map(text).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_more_than_text() {
        let hostile = "<img src=x onerror=alert(1)>&\"'\u{202e}";
        let quote = Block::Quote(format!("{hostile}\n</pre><script>alert(2)</script>"));
        let event = Event {
            at: hostile.into(),
            what: hostile.into(),
            by: hostile.into(),
            more: vec![("reason", hostile.into())],
        };
        let page = write(&Document {
            title: ("Post-mortem", format!("</title>{hostile}")),
            blocks: vec![
                Block::Section(hostile.into()),
                Block::Facts(vec![("Who", hostile.into())]),
                Block::Events(vec![event]),
                quote,
            ],
        });
        for tag in [
            "<img",
            "<script",
            "</title><",
            "\u{202e}",
            "onerror=alert(1)>&\"",
        ] {
            assert!(!page.contains(tag), "{tag} in {page}");
        }
        let safe = "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;\\u{202e}";
        // Title twice, section, fact, four places of the event, and the quotation.
        assert_eq!(page.matches(safe).count(), 9, "{page}");
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
        let page = write(&Document::default());
        let style = page.split_once("<style>").unwrap().1;
        let style = style.split_once("</style>").unwrap().0;
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes()));
        let policy = policy().unwrap();
        let policy = policy.to_str().unwrap();
        assert!(policy.contains(&format!("style-src 'sha256-{digest}';")));
        assert!(policy.starts_with("default-src 'none';"));
        assert!(!policy.contains("unsafe") && !page.contains("style=") && !page.contains("href="));
    }
}
