//! Setting a damaged file aside: a copy of it and of its neighbours, byte for byte, that nothing here ever changes.
//! What can still be read of it is in `salvage`.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use verses_store::StoreError;

use crate::open;

/// Copies of one file at most; each is made once per different content.
const COPIES: u32 = 20;

/// What belongs to a database beside its file. The index of the log is left out: whoever opens the file makes it anew.
const NEIGHBOURS: [&str; 3] = ["", "-wal", "-journal"];

/// A path with something behind its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Copies a database file, with its log and journal, to names of its own beside it, and leaves all of them as they are.
/// If a copy with the same content is there already, that is the one. Returns its path: the file's name followed by
/// `.damaged-1`, `.damaged-2`, ...
///
/// # Errors
/// [`StoreError::Full`] without room, [`StoreError::Backend`] if the file cannot be read, a copy cannot be made, or
/// there are twenty copies with other contents.
pub fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    for number in 1..=COPIES {
        let copy = with_suffix(path, &format!(".damaged-{number}"));
        if !NEIGHBOURS.iter().any(|suffix| with_suffix(&copy, suffix).exists()) {
            return make(path, &copy).map(|()| copy).map_err(|error| failed(path, &error));
        }
        if is_same(path, &copy).map_err(|error| failed(path, &error))? {
            return Ok(copy);
        }
    }
    let text = format!("{} was set aside {COPIES} times already: move those copies away first", path.display());
    Err(StoreError::Backend(text))
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    let text = format!("{} cannot be set aside: {error}", path.display());
    if error.kind() == ErrorKind::StorageFull { StoreError::Full(text) } else { StoreError::Backend(text) }
}

/// All of it or nothing: what was begun is removed again. The file itself comes last, so that a copy that was cut short
/// is never taken for one of a file without a log.
fn make(path: &Path, copy: &Path) -> std::io::Result<()> {
    let mut made = Vec::new();
    let result = NEIGHBOURS.iter().rev().try_for_each(|suffix| {
        let target = with_suffix(copy, suffix);
        match File::open(with_suffix(path, suffix)) {
            Ok(mut from) => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true);
                open::private_mode(&mut options);
                let mut to = options.open(&target)?;
                made.push(target);
                std::io::copy(&mut from, &mut to)?;
                to.flush()?;
                to.sync_all()
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !suffix.is_empty() => Ok(()),
            Err(error) => Err(error),
        }
    });
    if result.is_err() {
        for target in made {
            // It is not needed, and not being able to remove it changes nothing about the error.
            let _ = fs::remove_file(target);
        }
        return result;
    }
    open::sync_entry(copy);
    Ok(())
}

fn is_same(path: &Path, copy: &Path) -> std::io::Result<bool> {
    for suffix in NEIGHBOURS {
        if content(&with_suffix(path, suffix))? != content(&with_suffix(copy, suffix))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// All bytes of a file; none if there is no such file.
pub(crate) fn content(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes).map(|_| Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
