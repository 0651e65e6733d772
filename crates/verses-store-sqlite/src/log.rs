//! SQLite's write-ahead log as bytes: which pages were committed in it, and whether it is damaged in the middle. SQLite
//! itself stops at the first frame that is not right, as after a power cut, and says nothing of what comes behind it.
//!
//! The format is the one SQLite documents and keeps: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::collections::BTreeMap;

/// Every release makes its files with pages of this size.
pub(crate) const PAGE: usize = 4096;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const FRAME: usize = FRAME_HEADER + PAGE;

/// The last bit says in which order the bytes of a word are summed up.
const MAGIC: u32 = 0x377f_0682;

/// Commits behind a frame that is not right, from which on it cannot have been a power cut: a commit begins only when the
/// one before is on the disk, so at most one of them was on its way.
const COMMITS_OF_DAMAGE: usize = 2;

/// What a log holds.
#[derive(Debug, Default)]
pub(crate) struct Log<'l> {
    /// The last committed content of each page, by number.
    pub(crate) pages: BTreeMap<u32, &'l [u8]>,
    /// Pages of the same log that SQLite would not take: behind the first frame that is not right, the last ones first, and
    /// those before it that no commit follows.
    pub(crate) behind: Vec<&'l [u8]>,
    commits_behind: usize,
}

impl Log<'_> {
    /// Whether committed transactions are cut off by damage.
    pub(crate) fn is_damaged(&self) -> bool {
        self.commits_behind >= COMMITS_OF_DAMAGE
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

/// Goes on with a checksum over whole pairs of words.
fn sum(mut state: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let word = |at| if big_endian { word(pair, at) } else { word(pair, at).swap_bytes() };
        state.0 = state.0.wrapping_add(word(0)).wrapping_add(state.1);
        state.1 = state.1.wrapping_add(word(4)).wrapping_add(state.0);
    }
    state
}

/// Reads a log. One whose header is not right holds nothing that SQLite would read, and perhaps pages all the same.
pub(crate) fn read(bytes: &[u8]) -> Log<'_> {
    let mut log = Log::default();
    let Some((header, frames)) = bytes.split_at_checked(HEADER) else {
        return log;
    };
    let big_endian = word(header, 0) & 1 == 1;
    let mut state = sum((0, 0), &header[..24], big_endian);
    let mut is_right = word(header, 0) & !1 == MAGIC
        && word(header, 8) as usize == PAGE
        && state == (word(header, 24), word(header, 28));
    // A header is on the disk before the first frame is written: without it, the frames agree about theirs.
    let salts = if is_right { &header[16..24] } else { frames.get(8..16).unwrap_or_default() };
    let mut open = BTreeMap::new();
    for frame in frames.chunks_exact(FRAME) {
        let (head, page) = frame.split_at(FRAME_HEADER);
        let is_of_this_log = &head[8..16] == salts;
        if is_right {
            state = sum(sum(state, &head[..8], big_endian), page, big_endian);
            is_right = is_of_this_log && word(head, 0) > 0 && state == (word(head, 16), word(head, 20));
        }
        let is_commit = word(head, 4) > 0;
        if is_right {
            open.insert(word(head, 0), page);
            if is_commit {
                log.pages.append(&mut open);
            }
        } else if is_of_this_log {
            log.behind.push(page);
            log.commits_behind += usize::from(is_commit);
        }
    }
    // What was begun and never committed comes last: it is newer than what is committed, and older than what is behind.
    log.behind.reverse();
    log.behind.extend(open.into_values());
    log
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;

    /// A log of some commits beside a database whose pages are all in it.
    fn a_log() -> Vec<u8> {
        let home = TempDir::new().unwrap();
        let path = home.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        for n in 0..6 {
            connection.execute("INSERT INTO t VALUES (?1 || zeroblob(3000))", [n]).unwrap();
        }
        fs::read(home.path().join("a.db-wal")).unwrap()
    }

    #[test]
    fn a_log_that_sqlite_wrote_is_right_to_its_end() {
        let bytes = a_log();
        let log = read(&bytes);
        assert!(!log.is_damaged() && log.behind.is_empty());
        assert!(log.pages.contains_key(&1) && log.pages.len() > 2);
        assert_eq!(&log.pages[&1][..16], b"SQLite format 3\0");
    }

    #[test]
    fn damage_in_the_middle_is_told_from_a_power_cut_at_the_end() {
        let good = a_log();
        let frames = (good.len() - HEADER) / FRAME;
        for frame in 0..frames {
            let mut bytes = good.clone();
            bytes[HEADER + frame * FRAME + 100] ^= 1;
            let log = read(&bytes);
            let commits = (frame..frames).filter(|f| word(&good, HEADER + f * FRAME + 4) > 0).count();
            assert_eq!(log.is_damaged(), commits >= 2, "frame {frame} of {frames}");
            assert!(log.behind.len() >= frames - frame);
        }
        for byte in 0..HEADER {
            let mut bytes = good.clone();
            bytes[byte] ^= 1;
            assert!(read(&bytes).is_damaged(), "byte {byte} of the header");
        }
        for len in (0..good.len()).step_by(331) {
            assert!(!read(&good[..len]).is_damaged(), "a log cut at {len} is none that is damaged");
        }
    }

    #[test]
    fn a_log_that_began_anew_has_nothing_to_do_with_what_is_behind_its_end() {
        let mut bytes = a_log();
        let frames = (bytes.len() - HEADER) / FRAME;
        for frame in 2..frames {
            // The frames of the log before have other salts.
            bytes[HEADER + frame * FRAME + 8] ^= 1;
        }
        let log = read(&bytes);
        assert!(!log.is_damaged() && log.behind.is_empty());
    }
}
