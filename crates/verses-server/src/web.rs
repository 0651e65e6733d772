//! The web app's files: what they are, where they come from, and which of them a path names. How they are answered over
//! HTTP is in `http::web`; what the app does is its own matter.

mod asset;
mod folder;
mod negotiate;
mod policy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;

pub(crate) use self::asset::{Asset, Coding, OfApp};
pub(crate) use self::negotiate::{accepts_html, names_tag};

/// What a server without a web app says of it.
pub const NO_WEB_APP: &str = "this build has no web app: it was built without one, because no WebAssembly toolchain was \
                              there; `cargo xtask web` builds it and says what it needs";

/// The file that every page of the app begins with.
const INDEX: &str = "index.html";

/// A file of the app in the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// Where it is below `/`, with `/` between folders: "app/engine.0a1b2c3d.wasm".
    pub path: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
    /// The same, compressed with Brotli.
    pub brotli: Option<&'static [u8]>,
}

/// The web app: a set of files by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebApp(Source);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Embedded(Arc<BTreeMap<&'static str, Asset>>),
    Folder(PathBuf),
}

/// Why there is no web app in a folder.
#[derive(Debug, thiserror::Error)]
pub enum WebAppError {
    /// No such folder, or not for us.
    #[error("{} cannot be read as a folder of the web app: {reason}", folder.display())]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

impl WebApp {
    /// The app of files in the binary; `None` if there is no index.html among them.
    #[must_use]
    pub fn embedded(files: &'static [EmbeddedFile]) -> Option<Self> {
        let asset = |file: &EmbeddedFile| {
            let mut asset = Asset::of_file(file.path, file.bytes.into());
            if let Some(brotli) = file.brotli {
                asset = asset.with(Coding::Brotli, brotli.into());
            }
            (file.path, asset)
        };
        let files: BTreeMap<_, _> = files.iter().map(asset).collect();
        files.contains_key(INDEX).then(|| Self(Source::Embedded(Arc::new(files))))
    }

    /// The app of a folder, read again for each request: for development and tests.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn folder(folder: &Path) -> Result<Self, WebAppError> {
        let failed = |reason| WebAppError::Folder { folder: folder.to_owned(), reason };
        let found = folder.canonicalize().map_err(failed)?;
        if !found.is_dir() {
            return Err(failed(std::io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self(Source::Folder(found)))
    }

    /// The file of a path below `/`, as [`Place::of`] reads it.
    pub(crate) async fn file(&self, place: &Place) -> Option<Asset> {
        let path = place.path()?;
        match &self.0 {
            Source::Embedded(files) => files.get(path.as_str()).cloned(),
            Source::Folder(root) => folder::read(root, &path).await,
        }
    }

    /// The file that every page begins with.
    pub(crate) async fn index(&self) -> Option<Asset> {
        self.file(&Place(vec![INDEX.to_owned()])).await
    }
}

/// Where a request wants to go: the parts of its path, decoded once. None of them leads up or hides anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(Vec<String>);

impl Place {
    /// Reads the path of a request; `None` for one that no file and no page of the app can have.
    pub(crate) fn of(path: &str) -> Option<Self> {
        path.strip_prefix('/')?.split('/').map(part).collect::<Option<_>>().map(Self)
    }

    /// The first part.
    pub(crate) fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Whether it may be a page that the app draws itself: files have an extension, pages have none.
    pub(crate) fn may_be_page(&self) -> bool {
        let (last, before) = match self.0.as_slice() {
            [before @ .., last, end] if end.is_empty() => (last, before),
            [before @ .., last] => (last, before),
            [] => return false,
        };
        !last.is_empty() && !last.contains('.') && before.iter().all(|part| !part.is_empty())
    }

    fn path(&self) -> Option<String> {
        self.0.iter().all(|part| !part.is_empty()).then(|| self.0.join("/"))
    }
}

/// A part of a path. Everything that a file system could take for more than a name is refused, on every system.
fn part(encoded: &str) -> Option<String> {
    let part = percent_decode_str(encoded).decode_utf8().ok()?;
    let plain = !part.starts_with('.') && !part.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | ':'));
    plain.then(|| part.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_have_no_place() {
        for path in [
            "today",
            "/..",
            "/../x",
            "/%2e%2e/x",
            "/..%2fx",
            "/a/..%5cx",
            "/a%2fb",
            "/a\\b",
            "/%00",
            "/a%0ab",
            "/c:/x",
            "/.git/config",
            "/.",
            "/a/.hidden",
            "/%ff",
        ] {
            assert_eq!(Place::of(path), None, "{path}");
        }
    }

    #[test]
    fn empty_parts_name_no_file_and_only_at_the_end_a_page() {
        let place = |path| Place::of(path).unwrap();
        assert_eq!(place("/app/a%20b.js").path().as_deref(), Some("app/a b.js"));
        for path in ["//", "//today", "/a//b", "/today/", "/"] {
            assert_eq!(place(path).path(), None, "{path}");
        }
        for (path, page) in [
            ("/today", true),
            ("/today/", true),
            ("/library/1", true),
            ("//today", false),
            ("//", false),
            ("/a.js", false),
            ("/v1.2/today", true),
            ("/today.", false),
            ("/robots.txt/", false),
            ("/today//", false),
        ] {
            assert_eq!(place(path).may_be_page(), page, "{path}");
        }
    }
}
