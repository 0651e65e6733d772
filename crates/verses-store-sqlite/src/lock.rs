//! Which of several processes on one home syncs: a lock of the operating system on a file. All of them may add and read.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use verses_store::StoreError;

use crate::open;

/// Name of the lock file in a home.
const LOCK_FILE: &str = "sync.lock";

/// Held by the one process that syncs a home. Ends when dropped, and with the process however that ends.
#[derive(Debug)]
pub struct HomeLock {
    path: PathBuf,
    _file: File,
}

impl HomeLock {
    /// Takes the lock of a home, or says `None` at once if another handle, of whatever process, has it.
    ///
    /// The folder is made if it is not there. The lock file stays when the lock ends: removing it would let two
    /// processes hold locks on two files of one name.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if the file cannot be made or locked (a file system without locks).
    pub fn try_acquire(dir: &Path) -> Result<Option<Self>, StoreError> {
        let (path, file) = open_lock_file(dir)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { path, _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(&path, &error)),
        }
    }

    /// Whether some process holds the lock of a home now. Askers do not see each other; for the moment of the question
    /// a [`Self::try_acquire`] elsewhere may be turned away, so whoever wants the lock tries more than once.
    ///
    /// # Errors
    /// As [`Self::try_acquire`].
    pub fn is_held(dir: &Path) -> Result<bool, StoreError> {
        let (path, file) = open_lock_file(dir)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(failed(&path, &error)),
        }
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn open_lock_file(dir: &Path) -> Result<(PathBuf, File), StoreError> {
    open::create_private_dir(dir)?;
    let path = dir.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open::private_mode(&mut options);
    let file = options.open(&path).map_err(|error| failed(&path, &error))?;
    Ok((path, file))
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Backend(format!("{}: {error}", path.display()))
}
