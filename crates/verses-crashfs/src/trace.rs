//! What happened to a simulated disk, in order. Where it is recorded is `disk`, what follows from it `replay`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One thing that happened to a disk. Files are known by number: a file that took the name of a removed one is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A file came into being.
    Create {
        /// Its name in the folder.
        name: String,
        /// Its number.
        file: u64,
    },
    /// A name went away; the file's content is no one's any more once nobody has it open.
    Remove {
        /// Its name in the folder.
        name: String,
        /// The folder was synced afterwards.
        synced: bool,
    },
    /// Bytes were written.
    Write {
        /// Which file.
        file: u64,
        /// From where.
        offset: usize,
        /// What.
        data: Arc<[u8]>,
    },
    /// The file was cut or grown.
    Resize {
        /// Which file.
        file: u64,
        /// To how many bytes.
        len: usize,
    },
    /// The file was synced.
    Sync {
        /// Which file.
        file: u64,
        /// Its folder was synced with it.
        folder: bool,
        /// The log was being moved into the database at that moment.
        checkpoint: bool,
    },
    /// A sync was asked for and failed: nobody knows what reached the disk, and no later sync tries again.
    FailedSync {
        /// Which file.
        file: u64,
    },
    /// A test handed a transaction over; from here on it may be there.
    Begun {
        /// Transactions of one lane are numbered 1, 2, 3, ... and follow one another.
        lane: u8,
        /// Which.
        number: u64,
    },
    /// A test was told that a transaction is durable; from here on it must be there.
    Done {
        /// Whose.
        lane: u8,
        /// Which.
        number: u64,
    },
}

impl Op {
    /// Whether a power cut before this and one after it may leave different disks.
    #[must_use]
    pub fn changes_the_disk(&self) -> bool {
        !matches!(self, Self::Begun { .. } | Self::Done { .. })
    }
}

/// A disk's beginning and all that happened to it.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Content of the files that were there, by number.
    pub start: BTreeMap<u64, Vec<u8>>,
    /// Their names.
    pub names: BTreeMap<String, u64>,
    /// What happened.
    pub ops: Vec<Op>,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { name, file } => write!(f, "create {name} as file {file}"),
            Self::Remove { name, .. } => write!(f, "remove {name}"),
            Self::Write { file, offset, data } => write!(f, "write {} bytes at {offset} of file {file}", data.len()),
            Self::Resize { file, len } => write!(f, "cut file {file} to {len} bytes"),
            Self::Sync { file, .. } => write!(f, "sync file {file}"),
            Self::FailedSync { file } => write!(f, "failing sync of file {file}"),
            Self::Begun { lane, number } => write!(f, "transaction {number} of lane {lane} begun"),
            Self::Done { lane, number } => write!(f, "transaction {number} of lane {lane} done"),
        }
    }
}
