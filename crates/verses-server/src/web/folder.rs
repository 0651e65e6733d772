//! The files of a folder on disk, read when they are asked for. A path that leads out of the folder names nothing.

use std::path::Path;

use tokio::fs;

use super::{Asset, Coding};

/// What the compressed form of a file has behind its name.
const BROTLI: &str = "br";

/// Reads a file below the folder, with its compressed form if that is no older.
pub(super) async fn read(root: &Path, path: &str) -> Option<Asset> {
    // Links may lead anywhere: what counts is where the file really is. The folder may have been made anew meanwhile.
    let root = fs::canonicalize(root).await.ok()?;
    let file = fs::canonicalize(root.join(path)).await.ok()?;
    if !file.starts_with(&root) || file.extension().is_some_and(|extension| extension == BROTLI) {
        return None;
    }
    let changed = modified(&file).await?;
    let asset = Asset::of_file(path, fs::read(&file).await.ok()?.into());
    let beside = fs::canonicalize(root.join(format!("{path}.{BROTLI}"))).await.ok();
    let Some(beside) = beside.filter(|beside| beside.starts_with(&root)) else { return Some(asset) };
    match (modified(&beside).await, fs::read(&beside).await) {
        (Some(packed), Ok(bytes)) if packed >= changed => Some(asset.with(Coding::Brotli, bytes.into())),
        _ => Some(asset),
    }
}

/// When a file was changed; `None` for what is no file.
async fn modified(path: &Path) -> Option<std::time::SystemTime> {
    let about = fs::metadata(path).await.ok()?;
    about.is_file().then(|| about.modified().ok())?
}
