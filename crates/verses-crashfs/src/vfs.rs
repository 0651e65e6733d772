//! What SQLite asks of a file system, answered from a simulated disk. The translation from C is in `ffi`.
//!
//! Syncs of folders, locks and lengths behave as SQLite's own file system on Unix does.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::ffi as sqlite;

use crate::disk::{self, Shared};
use crate::fault::{Call, FaultKind};
use crate::ffi::Region;
use crate::locks::{Busy, Level};
use crate::rng::Rng;

/// An error code of SQLite.
pub(crate) type Code = i32;

/// What SQLite's file system on Unix says of an ordinary disk.
pub(crate) const CHARACTERISTICS: i32 = sqlite::SQLITE_IOCAP_POWERSAFE_OVERWRITE | sqlite::SQLITE_IOCAP_SUBPAGE_READ;
pub(crate) const SECTOR: i32 = 4096;

/// Files whose folder is synced together with them the first time.
const SYNC_FOLDER: i32 = sqlite::SQLITE_OPEN_MAIN_JOURNAL | sqlite::SQLITE_OPEN_SUPER_JOURNAL | sqlite::SQLITE_OPEN_WAL;

/// SQLite draws the salts of its logs from these: never the same twice in a process, the same in every run of a test.
static RANDOM: Mutex<Option<Rng>> = Mutex::new(None);

/// An open file.
#[derive(Debug)]
pub(crate) struct Handle {
    shared: Arc<Shared>,
    file: u64,
    id: u64,
    sync_folder: bool,
    maps_index: bool,
    delete_on_close: Option<String>,
}

fn code_of(fault: FaultKind, call: Call) -> Code {
    match (fault, call) {
        (_, Call::Create) => sqlite::SQLITE_CANTOPEN,
        (_, Call::GrowIndex) => sqlite::SQLITE_IOERR_SHMSIZE,
        (FaultKind::Full, _) => sqlite::SQLITE_FULL,
        (_, Call::Read) => sqlite::SQLITE_IOERR_READ,
        (_, Call::Write) => sqlite::SQLITE_IOERR_WRITE,
        (_, Call::Resize) => sqlite::SQLITE_IOERR_TRUNCATE,
        (_, Call::Sync) => sqlite::SQLITE_IOERR_FSYNC,
        (_, Call::Remove) => sqlite::SQLITE_IOERR_DELETE,
    }
}

fn busy(_: Busy) -> Code {
    sqlite::SQLITE_BUSY
}

/// Opens a file of a mounted disk, or one without a name for SQLite's own passing needs.
pub(crate) fn open(path: Option<&str>, flags: i32) -> Result<Handle, Code> {
    let Some(path) = path else {
        return Ok(anonymous());
    };
    let (shared, name) = disk::find(path).ok_or(sqlite::SQLITE_CANTOPEN)?;
    let mut state = shared.lock();
    let file = match state.names.get(&name) {
        Some(file) => *file,
        None if flags & sqlite::SQLITE_OPEN_CREATE != 0 || is_made_beforehand(path, flags) => {
            if let Some(fault) = state.faults.strike(Call::Create) {
                return Err(code_of(fault, Call::Create));
            }
            state.create(&name)
        }
        None => return Err(sqlite::SQLITE_CANTOPEN),
    };
    let id = state.new_handle();
    if let Some(opened) = state.files.get_mut(&file) {
        opened.open += 1;
    }
    drop(state);
    Ok(Handle {
        shared,
        file,
        id,
        sync_folder: flags & sqlite::SQLITE_OPEN_CREATE != 0 && flags & SYNC_FOLDER != 0,
        maps_index: false,
        delete_on_close: (flags & sqlite::SQLITE_OPEN_DELETEONCLOSE != 0).then_some(name),
    })
}

/// The store makes its file itself, with its own permissions, before it gives the path to SQLite.
fn is_made_beforehand(path: &str, flags: i32) -> bool {
    flags & sqlite::SQLITE_OPEN_MAIN_DB != 0 && Path::new(path).exists()
}

fn anonymous() -> Handle {
    let shared = Arc::new(Shared::default());
    let mut state = shared.lock();
    let file = state.create("anonymous");
    let id = state.new_handle();
    if let Some(opened) = state.files.get_mut(&file) {
        opened.open += 1;
    }
    drop(state);
    Handle { shared, file, id, sync_folder: false, maps_index: false, delete_on_close: None }
}

pub(crate) fn delete(path: &str, sync_folder: bool) -> Result<(), Code> {
    let (shared, name) = disk::find(path).ok_or(sqlite::SQLITE_IOERR_DELETE)?;
    match shared.lock().remove(&name, sync_folder) {
        Ok(true) => Ok(()),
        Ok(false) => Err(sqlite::SQLITE_IOERR_DELETE_NOENT),
        Err(fault) => Err(code_of(fault, Call::Remove)),
    }
}

/// A file that exists and is empty is none, as on Unix.
pub(crate) fn access(path: &str, flags: i32) -> bool {
    let Some((shared, name)) = disk::find(path) else {
        return false;
    };
    let state = shared.lock();
    let file = state.names.get(&name).and_then(|number| state.files.get(number));
    file.is_some_and(|file| flags != sqlite::SQLITE_ACCESS_EXISTS || !file.content.is_empty())
}

impl Handle {
    pub(crate) fn close(mut self) {
        self.unmap_index();
        let mut state = self.shared.lock();
        if let Some(file) = state.files.get_mut(&self.file) {
            file.locks.unlock(self.id, Level::None);
            file.open = file.open.saturating_sub(1);
        }
        if let Some(name) = self.delete_on_close.take() {
            // Only files nobody will look for again are opened like that.
            let _ = state.remove(&name, false);
        }
        state.forget_if_unused(self.file);
    }

    /// Fills the buffer; what the file does not have is zeros and a short read.
    pub(crate) fn read(&mut self, offset: usize, buffer: &mut [u8]) -> Result<(), Code> {
        let mut state = self.shared.lock();
        if let Some(fault) = state.faults.strike(Call::Read) {
            return Err(code_of(fault, Call::Read));
        }
        let file = state.files.get(&self.file).ok_or(sqlite::SQLITE_IOERR_READ)?;
        let there = file.content.get(offset..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        buffer[count..].fill(0);
        if count < buffer.len() { Err(sqlite::SQLITE_IOERR_SHORT_READ) } else { Ok(()) }
    }

    pub(crate) fn write(&mut self, offset: usize, data: &[u8]) -> Result<(), Code> {
        self.shared.lock().write(self.file, offset, data).map_err(|fault| code_of(fault, Call::Write))
    }

    pub(crate) fn resize(&mut self, len: usize) -> Result<(), Code> {
        self.shared.lock().resize(self.file, len).map_err(|fault| code_of(fault, Call::Resize))
    }

    pub(crate) fn sync(&mut self) -> Result<(), Code> {
        self.shared.lock().sync(self.file, self.sync_folder).map_err(|fault| code_of(fault, Call::Sync))?;
        self.sync_folder = false;
        Ok(())
    }

    pub(crate) fn size(&mut self) -> usize {
        self.shared.lock().files.get(&self.file).map_or(0, |file| file.content.len())
    }

    pub(crate) fn lock(&mut self, level: i32) -> Result<(), Code> {
        let mut state = self.shared.lock();
        let file = state.files.get_mut(&self.file).ok_or(sqlite::SQLITE_IOERR_LOCK)?;
        file.locks.lock(self.id, level_of(level)).map_err(busy)
    }

    pub(crate) fn unlock(&mut self, level: i32) {
        if let Some(file) = self.shared.lock().files.get_mut(&self.file) {
            file.locks.unlock(self.id, level_of(level));
        }
    }

    pub(crate) fn is_reserved(&mut self) -> bool {
        self.shared.lock().files.get(&self.file).is_some_and(|file| file.locks.is_reserved())
    }

    /// A part of the log's index; none if it is not there and shall not be made. The memory stays where it is for as long as
    /// anybody has the index mapped.
    pub(crate) fn map_index(&mut self, region: usize, size: usize, extend: bool) -> Result<Option<*mut u8>, Code> {
        let mut state = self.shared.lock();
        let state = &mut *state;
        let file = state.files.get_mut(&self.file).ok_or(sqlite::SQLITE_IOERR_SHMMAP)?;
        if !self.maps_index {
            self.maps_index = true;
            file.index_users += 1;
        }
        while file.index.len() <= region {
            if !extend {
                return Ok(None);
            }
            if let Some(fault) = state.faults.strike(Call::GrowIndex) {
                return Err(code_of(fault, Call::GrowIndex));
            }
            file.index.push(Region::new(size));
        }
        Ok(file.index.get(region).map(Region::as_ptr))
    }

    pub(crate) fn lock_index(&mut self, first: usize, count: usize, flags: i32) -> Result<(), Code> {
        let mut state = self.shared.lock();
        let file = state.files.get_mut(&self.file).ok_or(sqlite::SQLITE_IOERR_SHMLOCK)?;
        let locks = &mut file.index_locks;
        if flags & sqlite::SQLITE_SHM_UNLOCK != 0 {
            locks.unlock(self.id, first, count);
            Ok(())
        } else if flags & sqlite::SQLITE_SHM_SHARED != 0 {
            locks.lock_shared(self.id, first, count).map_err(busy)
        } else {
            locks.lock_exclusive(self.id, first, count).map_err(busy)
        }
    }

    /// The index goes with the last one who uses it: the first to come would clear it anyway.
    pub(crate) fn unmap_index(&mut self) {
        if !std::mem::take(&mut self.maps_index) {
            return;
        }
        if let Some(file) = self.shared.lock().files.get_mut(&self.file) {
            file.index_locks.unlock_all(self.id);
            file.index_users = file.index_users.saturating_sub(1);
            if file.index_users == 0 {
                file.index.clear();
            }
        }
    }

    /// Orders what threads did to the index.
    pub(crate) fn barrier(&mut self) {
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        drop(self.shared.lock());
    }
}

fn level_of(level: i32) -> Level {
    match level {
        sqlite::SQLITE_LOCK_NONE => Level::None,
        sqlite::SQLITE_LOCK_SHARED => Level::Shared,
        sqlite::SQLITE_LOCK_RESERVED => Level::Reserved,
        sqlite::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

pub(crate) fn randomness(buffer: &mut [u8]) {
    let mut random = RANDOM.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let rng = random.get_or_insert_with(|| Rng::new(0x5eed));
    for chunk in buffer.chunks_mut(8) {
        let bytes = rng.draw().to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
}

pub(crate) fn sleep(micros: u64) {
    std::thread::sleep(Duration::from_micros(micros));
}

/// Milliseconds since noon of the day SQLite counts from.
pub(crate) fn julian_millis() -> i64 {
    const UNIX_EPOCH_IN_JULIAN_MILLIS: i64 = 210_866_760_000_000;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH_IN_JULIAN_MILLIS.saturating_add(i64::try_from(since.as_millis()).unwrap_or(0))
}
