//! The content security policy of the app's files. Styles inside a page are allowed by the hash of exactly these words;
//! scripts inside a page never are.

use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

const BEFORE_STYLES: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'";
const AFTER_STYLES: &str = "; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
                            worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The policy of a page; of no page, if there are no bytes.
pub(super) fn of(page: &[u8]) -> HeaderValue {
    let hashes: String = styles(&String::from_utf8_lossy(page)).into_iter().map(|style| source(&style)).collect();
    let policy = format!("{BEFORE_STYLES}{hashes}{AFTER_STYLES}");
    // Fixed words and base64: always a header's value. Nothing at all would be allowed otherwise.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn source(style: &str) -> String {
    format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(style)))
}

/// What stands in the style elements of a page, with line ends as browsers read them.
fn styles(page: &str) -> Vec<String> {
    const OPEN: &str = "<style";
    const CLOSE: &str = "</style";
    let page = page.replace("\r\n", "\n");
    // The same length in bytes, so places in one are places in the other.
    let lower = page.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = lower.get(at..).and_then(|rest| rest.find(OPEN)).map(|found| at + found + OPEN.len()) {
        at = open;
        let tag = lower.get(open..).unwrap_or_default();
        if !tag.starts_with(|c: char| c == '>' || c == '/' || c.is_ascii_whitespace()) {
            continue;
        }
        let Some(begin) = end_of_tag(tag).map(|end| open + end) else { break };
        let Some(end) = lower.get(begin..).and_then(|rest| rest.find(CLOSE)).map(|found| begin + found) else { break };
        found.extend(page.get(begin..end).map(str::to_owned));
        at = end;
    }
    found
}

/// Where a tag ends: behind the first `>` that stands in no value.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '>' => return Some(at + 1),
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_of_a_page_is_found_and_nothing_else() {
        let page = "<head><STYLE>a{}\r\nb{}</STYLE><stylesheet>x</stylesheet><style media=\"(width>1px)\">c{}</style >\
                    <style>never closed";
        assert_eq!(styles(page), ["a{}\nb{}", "c{}"]);
        assert_eq!(styles("<p>no style</p>"), Vec::<String>::new());
        assert_eq!(styles("<style a='\""), Vec::<String>::new());
    }

    #[test]
    fn the_hash_is_the_one_that_browsers_compute() {
        // Of the empty text, as everybody knows it.
        let policy = of(b"<style></style>");
        let hash = "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';";
        assert!(policy.to_str().unwrap().contains(hash), "{policy:?}");
        assert!(of(b"").to_str().unwrap().contains("style-src 'self';"));
    }
}
