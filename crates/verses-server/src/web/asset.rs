//! One file with its forms: content type, how long it may be kept, its tags, and the answer to a request for it.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{names_tag, negotiate, policy};

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");
const SERVICE_WORKER_ALLOWED: HeaderName = HeaderName::from_static("service-worker-allowed");
/// How much of a hash is a tag, in bytes.
const TAG_BYTES: usize = 12;
/// The folder whose files may have a hash in their names.
const HASHED_FOLDER: &str = "app/";
/// Fewest characters of a hash in a name.
const MIN_HASH_CHARS: usize = 8;

/// How a form is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Brotli.
    Brotli,
    /// gzip.
    Gzip,
}

impl Coding {
    /// Its name in headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// What is sent to somebody: bytes, with a tag of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Form {
    bytes: Bytes,
    tag: HeaderValue,
}

/// A file in all its forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asset {
    kind: &'static str,
    cache: HeaderValue,
    plain: Form,
    packed: Option<(Coding, Form)>,
    /// The content security policy, for files of the app.
    policy: Option<HeaderValue>,
    /// The most a service worker may look after.
    scope: Option<HeaderValue>,
    hash: String,
}

/// Says of an answer that it is a file of the app: its policy.
#[derive(Debug, Clone)]
pub(crate) struct OfApp(pub(crate) HeaderValue);

impl Asset {
    /// A file of the app.
    pub(super) fn of_file(path: &str, bytes: Bytes) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let kind = kind(name);
        let policy = policy::of(if kind == HTML { &bytes } else { &[] });
        let cache = if has_hash(path) { IMMUTABLE } else { REVALIDATED };
        let scope = (path == "sw.js").then_some(HeaderValue::from_static("/"));
        Self { cache, policy: Some(policy), scope, ..Self::lasting(kind, bytes) }
    }

    /// Something that never changes and is no part of the app.
    pub(crate) fn lasting(kind: &'static str, bytes: Bytes) -> Self {
        let hash = Sha256::digest(&bytes);
        let hash = BASE64_URL_SAFE_NO_PAD.encode(hash.get(..TAG_BYTES).unwrap_or(&hash));
        // Weak: on its way out the answer may still be compressed.
        let plain = Form { bytes, tag: tag(&format!("W/\"{hash}\"")) };
        Self { kind, cache: IMMUTABLE, plain, packed: None, policy: None, scope: None, hash }
    }

    /// Something that changes and is no part of the app.
    pub(crate) fn changing(kind: &'static str, bytes: Bytes) -> Self {
        Self { cache: REVALIDATED, ..Self::lasting(kind, bytes) }
    }

    /// Adds a compressed form.
    pub(crate) fn with(self, coding: Coding, bytes: Bytes) -> Self {
        let form = Form { bytes, tag: tag(&format!("\"{}-{}\"", self.hash, coding.name())) };
        Self { packed: Some((coding, form)), ..self }
    }

    /// The answer to a request with these headers: the file, or that the asker has it already.
    pub(crate) fn answer(&self, asked: &HeaderMap) -> Response {
        let packed = self.packed.as_ref().filter(|(coding, _)| negotiate::prefers(asked, *coding));
        let form = packed.map_or(&self.plain, |(_, form)| form);
        let unchanged = names_tag(asked.get_all(IF_NONE_MATCH), &form.tag);
        let mut response = if unchanged {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Body::from(form.bytes.clone()).into_response()
        };
        let headers = response.headers_mut();
        if !unchanged {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
            if let Some((coding, _)) = packed {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            }
        }
        headers.insert(CACHE_CONTROL, self.cache.clone());
        headers.insert(ETAG, form.tag.clone());
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if let Some(scope) = &self.scope {
            headers.insert(SERVICE_WORKER_ALLOWED, scope.clone());
        }
        if let Some(policy) = &self.policy {
            response.extensions_mut().insert(OfApp(policy.clone()));
        }
        response
    }
}

/// The text consists of a hash in base64 and fixed marks: always a header's value.
fn tag(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("\"\""))
}

const HTML: &str = "text/html; charset=utf-8";

/// The content type that goes with a name.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => HTML,
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Whether the name changes with the content: `app/name.HASH.ext`. Elsewhere a word of a name could look like a hash.
fn has_hash(path: &str) -> bool {
    let Some(name) = path.strip_prefix(HASHED_FOLDER) else { return false };
    let name = name.rsplit('/').next().unwrap_or(name);
    let Some((stem, _)) = name.rsplit_once('.') else { return false };
    stem.rsplit_once('.').is_some_and(|(_, hash)| {
        hash.len() >= MIN_HASH_CHARS && hash.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_good() {
        for path in ["app/main.0a1b2c3d.js", "app/engine_bg.k3jzq7ab2c.wasm", "app/fonts/a.0123456789abcdef.woff2"] {
            assert!(has_hash(path), "{path}");
        }
        for path in ["index.html", "sw.js", "app/main.js", "app/main.abc.js", "main.0a1b2c3d.js", "app/0a1b2c3d.js"] {
            assert!(!has_hash(path), "{path}");
        }
    }

    #[test]
    fn every_form_has_a_tag_of_its_own() {
        let asset = Asset::of_file("a.js", Bytes::from_static(b"x")).with(Coding::Brotli, Bytes::from_static(b"y"));
        assert_ne!(asset.plain.tag, asset.packed.unwrap().1.tag);
        assert_ne!(asset.plain.tag, Asset::of_file("a.js", Bytes::from_static(b"z")).plain.tag);
    }
}
