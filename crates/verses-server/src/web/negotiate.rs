//! What a request says it can take: codings, pages, and the tags of what it has. The headers of RFC 9110.

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, GetAll};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::Coding;

/// Codings that the layer around the routes can make of plain bytes.
const OF_THE_LAYER: [&str; 2] = ["gzip", "zstd"];

/// Whether this coding is taken, and none that could be had instead is liked better.
pub(super) fn prefers(asked: &HeaderMap, coding: Coding) -> bool {
    let weights: Vec<(&str, f32)> = weighted(asked, &ACCEPT_ENCODING).collect();
    let of = |name: &str| weights.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, weight)| *weight);
    let or_any = |name: &str| of(name).or_else(|| of("*")).unwrap_or(0.0);
    let own = or_any(coding.name());
    let others = OF_THE_LAYER.into_iter().map(or_any).chain(of("identity"));
    own > 0.0 && others.into_iter().all(|other| own >= other)
}

/// Whether a page is wanted. Scripts that fetch something say `*/*`: a page would only mislead them.
pub(crate) fn accepts_html(asked: &HeaderMap) -> bool {
    weighted(asked, &ACCEPT).any(|(kind, weight)| kind.eq_ignore_ascii_case("text/html") && weight > 0.0)
}

/// The items of a list with their weights.
fn weighted<'a>(asked: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, f32)> {
    let texts = asked.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // A weight that is none is no reason to send it.
        (name, weight.map_or(1.0, |text| text.trim().parse().unwrap_or(0.0)))
    })
}

/// Whether a list of tags names this one. Compared weakly, as If-None-Match is.
pub(crate) fn names_tag(sent: GetAll<'_, HeaderValue>, tag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let own = bare(tag.to_str().unwrap_or_default());
    let mut tags = sent.into_iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    tags.any(|sent| sent.trim() == "*" || bare(sent) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_coding_is_sent_to_whoever_takes_it_and_likes_none_better() {
        for (sent, wanted) in [
            (&["gzip, deflate, br, zstd"][..], true),
            (&["br"], true),
            (&["BR;q=0.5"], true),
            (&["gzip;q=0.5, br;q=0.8"], true),
            (&["gzip", "br"], true),
            (&["*"], true),
            (&["br, identity;q=0"], true),
            (&[], false),
            (&["gzip"], false),
            (&["br;q=0"], false),
            (&["br;q=0, *"], false),
            (&["br; q=0.000"], false),
            (&["gzip;q=1.0, br;q=0.5"], false),
            (&["br;q=0.5, identity"], false),
            (&["brotli"], false),
            (&["br;q=nonsense"], false),
        ] {
            assert_eq!(prefers(&asking(&ACCEPT_ENCODING, sent), Coding::Brotli), wanted, "{sent:?}");
        }
    }

    #[test]
    fn pages_are_for_those_who_name_them() {
        for (sent, wanted) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("TEXT/HTML", true),
            ("*/*", false),
            ("application/json", false),
            ("text/html;q=0", false),
        ] {
            assert_eq!(accepts_html(&asking(&ACCEPT, &[sent])), wanted, "{sent}");
        }
        assert!(!accepts_html(&HeaderMap::new()));
    }

    #[test]
    fn tags_are_found_in_lists_weak_or_not() {
        let own = HeaderValue::from_static("W/\"a\"");
        for (sent, named) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false), ("", false)]
        {
            assert_eq!(names_tag(asking(&ACCEPT, &[sent]).get_all(ACCEPT), &own), named, "{sent}");
        }
    }
}
