//! A look at the bytes of a database before SQLite gets it. What is in the tables is not looked at.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::ffi;

const MAGIC: &[u8] = b"SQLite format 3\0";

/// A journal that SQLite will roll back begins with this.
const JOURNAL_MAGIC: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

const PAGE: u64 = 4096;

/// Refuses what SQLite would take for less than it was. A file of a few bytes is an empty database to it, and what is
/// missing of the last page is zeros.
///
/// No file, and an empty one, are a new database. A file with a journal or a log beside it is what SQLite makes of both: the
/// power may have gone while a page of it was written.
///
/// # Errors
/// Those SQLite has for a file that is no database, and for a damaged one. What cannot be read it will explain itself.
pub(super) fn check(path: &Path) -> rusqlite::Result<()> {
    let len = fs::metadata(path).map_or(0, |data| data.len());
    if len == 0 || begins_with(&beside(path, "-journal"), JOURNAL_MAGIC).unwrap_or(false) {
        return Ok(());
    }
    if !begins_with(path, MAGIC).unwrap_or(true) {
        return refuse(ffi::SQLITE_NOTADB);
    }
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |data| data.len());
    if len.is_multiple_of(PAGE) || log > 0 { Ok(()) } else { refuse(ffi::SQLITE_CORRUPT) }
}

fn refuse(code: i32) -> rusqlite::Result<()> {
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn begins_with(path: &Path, magic: &[u8]) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(magic.len() as u64).read_to_end(&mut head)?;
    Ok(head == magic)
}
