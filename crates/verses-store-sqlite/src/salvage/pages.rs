//! Rows of SQLite's tables out of the bytes of a file, however little of it is right. Nothing here knows what rows mean, no
//! byte of the input can make it fail, and no input makes it read more than there is.
//!
//! The format is the one SQLite documents and keeps: <https://www.sqlite.org/fileformat2.html>.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use rusqlite::types::Value;

use crate::log::{Log, PAGE};

/// Rows longer than this are not ours.
const MAX_ROW: usize = 1 << 20;

const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

/// The first page begins with the header of the file.
const FILE_HEADER: usize = 100;

/// A row of a table: its key and its columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) key: i64,
    pub(crate) columns: Vec<Value>,
}

/// Where the pages of a file come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'p> {
    Bytes(&'p [u8]),
    /// Read as they are needed.
    File(&'p File),
}

impl<'p> Source<'p> {
    /// A page by its place, counted from 0; none beyond the end, and none that cannot be read.
    fn page(self, place: usize) -> Option<Cow<'p, [u8]>> {
        let start = place.checked_mul(PAGE)?;
        match self {
            Self::Bytes(bytes) => bytes.get(start..start.checked_add(PAGE)?).map(Cow::Borrowed),
            Self::File(mut file) => {
                let mut page = vec![0; PAGE];
                file.seek(SeekFrom::Start(start as u64)).ok()?;
                file.read_exact(&mut page).ok()?;
                Some(Cow::Owned(page))
            }
        }
    }

    fn pages(self) -> usize {
        let len = match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(file) => file.metadata().map_or(0, |data| usize::try_from(data.len()).unwrap_or(usize::MAX)),
        };
        len / PAGE
    }
}

/// The pages of a database, with the log's on top.
#[derive(Debug)]
pub(crate) struct Pages<'p> {
    file: Source<'p>,
    log: BTreeMap<u32, &'p [u8]>,
    behind: Vec<&'p [u8]>,
}

/// What a walk through a table found, and whether it found all of it.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) records: Vec<Record>,
    pub(crate) is_whole: bool,
    /// Rows that were seen and could not be read.
    pub(crate) unreadable: u64,
}

impl<'p> Pages<'p> {
    pub(crate) fn new(file: Source<'p>, log: Log<'p>) -> Self {
        Self { file, log: log.pages, behind: log.behind }
    }

    /// A page by its number, counted from 1.
    fn page(&self, number: u32) -> Option<Cow<'p, [u8]>> {
        match self.log.get(&number) {
            Some(page) => Some(Cow::Borrowed(page)),
            None => self.file.page(number.checked_sub(1)? as usize),
        }
    }

    fn last(&self) -> u32 {
        let of_file = u32::try_from(self.file.pages()).unwrap_or(u32::MAX);
        self.log.keys().next_back().copied().unwrap_or(0).max(of_file)
    }

    /// The rows of the table of that name, by the way SQLite would take.
    pub(crate) fn table(&self, name: &str) -> Walk {
        let schema = self.walk(1);
        let root = schema.records.iter().find_map(|record| match record.columns.as_slice() {
            [Value::Text(kind), Value::Text(named), _, Value::Integer(root), _] if kind == "table" && named == name => {
                u32::try_from(*root).ok()
            }
            _ => None,
        });
        root.map(|root| self.walk(root)).unwrap_or_default()
    }

    fn walk(&self, root: u32) -> Walk {
        let mut walk = Walk { is_whole: true, ..Walk::default() };
        let mut seen = BTreeSet::new();
        let mut next = vec![root];
        while let Some(number) = next.pop() {
            let Some(page) = self.page(number).filter(|_| seen.insert(number)) else {
                walk.is_whole = false;
                continue;
            };
            let offset = if number == 1 { FILE_HEADER } else { 0 };
            match page[offset] {
                LEAF => self.leaf(&page, offset, &mut walk),
                INTERIOR => walk.is_whole &= children(&page, offset, &mut next),
                _ => walk.is_whole = false,
            }
        }
        walk
    }

    /// The rows of every page that looks as if it had some, whatever it belongs to, newer pages first.
    pub(crate) fn all(&self) -> Vec<Record> {
        let mut walk = Walk::default();
        for page in &self.behind {
            self.leaf(page, 0, &mut walk);
        }
        for number in (1..=self.last()).rev() {
            if let Some(page) = self.page(number)
                && page[0] == LEAF
            {
                self.leaf(&page, 0, &mut walk);
            }
        }
        walk.records
    }

    fn leaf(&self, page: &[u8], offset: usize, walk: &mut Walk) {
        for at in cells(page, offset, 8) {
            match at.and_then(|at| self.record(page, at)) {
                Some(record) => walk.records.push(record),
                None => walk.unreadable += 1,
            }
        }
    }

    /// The row of a cell.
    fn record(&self, page: &[u8], at: usize) -> Option<Record> {
        let (len, at) = varint(page, at)?;
        let (key, at) = varint(page, at)?;
        let payload = self.payload(page, at, usize::try_from(len).ok().filter(|len| *len <= MAX_ROW)?)?;
        let (header_len, mut at) = varint(&payload, 0)?;
        let header_len = usize::try_from(header_len).ok().filter(|len| *len <= payload.len())?;
        let mut body = header_len;
        let mut columns = Vec::new();
        while at < header_len {
            let (kind, after) = varint(&payload[..header_len], at)?;
            let (value, len) = value(kind, payload.get(body..)?)?;
            (at, body) = (after, body + len);
            columns.push(value);
        }
        (body == payload.len()).then_some(Record { key, columns })
    }

    /// What a cell carries, with what did not fit on its page.
    fn payload(&self, page: &[u8], at: usize, len: usize) -> Option<Vec<u8>> {
        const ROOM: usize = PAGE - 4;
        let most = PAGE - 35;
        if len <= most {
            return page.get(at..at.checked_add(len)?).map(<[u8]>::to_vec);
        }
        let least = (PAGE - 12) * 32 / 255 - 23;
        let fitting = least + (len - least) % ROOM;
        let local = if fitting <= most { fitting } else { least };
        let mut payload = page.get(at..at.checked_add(local)?)?.to_vec();
        let mut next = number(page, at + local)?;
        while payload.len() < len {
            let page = self.page(next)?;
            let count = (len - payload.len()).min(ROOM);
            payload.extend_from_slice(&page[4..4 + count]);
            next = number(&page, 0)?;
        }
        Some(payload)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(|bytes| u16::from_be_bytes(bytes).into())
}

/// Where the cells of a page begin; none for one outside the page.
fn cells(page: &[u8], offset: usize, header: usize) -> impl Iterator<Item = Option<usize>> {
    let count = short(page, offset + 3).unwrap_or(0).min(PAGE / 4);
    (0..count).map(move |n| short(page, offset + header + 2 * n).filter(|at| *at > offset && *at < PAGE))
}

/// Adds the pages below a page; whether all of them were named.
fn children(page: &[u8], offset: usize, next: &mut Vec<u32>) -> bool {
    let below = cells(page, offset, 12).map(|at| number(page, at?));
    let all: Option<Vec<u32>> = below.chain([number(page, offset + 8)]).collect();
    let is_whole = all.is_some();
    next.extend(all.unwrap_or_default());
    is_whole
}

/// A number of 1 to 9 bytes, and where the next thing begins.
fn varint(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut value = 0_u64;
    for n in 0..9 {
        let byte = *bytes.get(at.checked_add(n)?)?;
        if n == 8 {
            value = value << 8 | u64::from(byte);
            return Some((value.cast_signed(), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value.cast_signed(), at + n + 1));
        }
    }
    None
}

/// A value of a kind at the beginning of `bytes`, and its length.
fn value(kind: i64, bytes: &[u8]) -> Option<(Value, usize)> {
    let integer = |len: usize| {
        let bytes = bytes.get(..len)?;
        let negative = bytes[0] >= 0x80;
        let start = if negative { u64::MAX } else { 0 };
        let value = bytes.iter().fold(start, |value, byte| value << 8 | u64::from(*byte));
        Some((Value::Integer(value.cast_signed()), len))
    };
    match kind {
        0 => Some((Value::Null, 0)),
        1..=4 => integer(usize::try_from(kind).ok()?),
        5 => integer(6),
        6 => integer(8),
        7 => Some((Value::Real(f64::from_be_bytes(bytes.get(..8)?.try_into().ok()?)), 8)),
        8 | 9 => Some((Value::Integer(kind - 8), 0)),
        12.. => {
            let len = usize::try_from((kind - 12) / 2).ok()?;
            let bytes = bytes.get(..len)?;
            let value = if kind % 2 == 0 {
                Value::Blob(bytes.to_vec())
            } else {
                Value::Text(String::from_utf8(bytes.to_vec()).ok()?)
            };
            Some((value, len))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::{Connection, params_from_iter};
    use tempfile::TempDir;

    use super::*;
    use crate::log;

    fn values(n: i64) -> Vec<Value> {
        let integers = [0, 1, -1, 127, -128, 40_000, -9_000_000, 1 << 40, i64::MIN, i64::MAX];
        let long = "«ü» ".repeat(usize::try_from(n * n * 3).unwrap());
        vec![
            Value::Integer(integers[usize::try_from(n).unwrap() % integers.len()]),
            if n % 3 == 0 { Value::Null } else { Value::Real(n as f64 / 7.0) },
            Value::Text(long),
            Value::Blob(vec![7; usize::try_from(n).unwrap()]),
        ]
    }

    #[test]
    fn rows_come_back_as_sqlite_wrote_them_in_the_file_and_in_the_log() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        connection.execute_batch("CREATE TABLE other (x); CREATE TABLE t (a, b, c, d)").unwrap();
        let expected: Vec<Record> = (0..60).map(|n| Record { key: n + 1, columns: values(n) }).collect();
        for (n, record) in expected.iter().enumerate() {
            let sql = "INSERT INTO t VALUES (?1, ?2, ?3, ?4)";
            connection.execute(sql, params_from_iter(&record.columns)).unwrap();
            if n == 40 {
                connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
            }
        }
        let (file, log) = (fs::read(&path).unwrap(), fs::read(home.path().join("a.db-wal")).unwrap());
        let pages = Pages::new(Source::Bytes(&file), log::read(&log));
        let mut walk = pages.table("t");
        walk.records.sort_by_key(|record| record.key);
        assert!(walk.is_whole && walk.unreadable == 0);
        assert_eq!(walk.records, expected);
        let all = pages.all();
        assert!(expected.iter().all(|record| all.contains(record)), "and without the way through the tree");
    }
}
