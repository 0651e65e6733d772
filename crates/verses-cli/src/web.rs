//! The web app that `verses serve` serves: a folder's, or the one that was built into this binary, if there was one. It is
//! built in `build.rs`.

use std::path::Path;

use verses_server::web::{EmbeddedFile, WebApp, WebAppError};

static FILES: &[EmbeddedFile] = include!(concat!(env!("OUT_DIR"), "/web_app.rs"));

/// The app of a folder, else the one in the binary; `None` if there is none.
///
/// # Errors
/// When there is no such folder.
pub fn app(folder: Option<&Path>) -> Result<Option<WebApp>, WebAppError> {
    match folder {
        Some(folder) => WebApp::folder(folder).map(Some),
        None => Ok(WebApp::embedded(FILES)),
    }
}
