//! The translation between SQLite's C interface for file systems and `vfs`: pointers in, slices and results out, and the
//! memory of a log's index. No decision is made here. This is the one file of the crate with unsafe code.
//!
//! What all of it relies on is SQLite's contract for `sqlite3_vfs` and `sqlite3_io_methods`: pointers it passes are valid
//! for the call, buffers have the length it says, a file's methods are called on an object that `xOpen` filled and
//! `xClose` did not yet take, and by one thread at a time.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ptr::{NonNull, null_mut};
use std::slice;
use std::sync::OnceLock;

use rusqlite::ffi::{self as sqlite, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use crate::vfs::{self, Code, Handle};

/// Longest path SQLite may form.
const MAX_PATH: c_int = 1024;

/// A part of a log's index: zeroed memory that does not move.
#[derive(Debug)]
pub(crate) struct Region(NonNull<[u128]>);

// SAFETY: a region is memory and nothing else; what is written to it is SQLite's own business, which orders its accesses
// with locks and barriers.
unsafe impl Send for Region {}

impl Region {
    /// At least `size` bytes, aligned for every word SQLite reads in it.
    pub(crate) fn new(size: usize) -> Self {
        let words = vec![0_u128; size.div_ceil(size_of::<u128>())].into_boxed_slice();
        Self(NonNull::from(Box::leak(words)))
    }

    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.0.as_ptr().cast()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: leaked in `new`, and only freed here. `vfs` drops regions when nobody has them mapped any more.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// What SQLite allocates for an open file; it only knows the first field.
#[repr(C)]
struct Object {
    base: sqlite3_file,
    /// From `Box::into_raw`, while the file is open.
    handle: *mut Handle,
}

static IO: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Makes the simulated disks the file system of every connection that is opened in this process from now on.
pub(crate) fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Code> = OnceLock::new();
    let code = *INSTALLED.get_or_init(|| {
        let vfs = Box::new(sqlite3_vfs {
            iVersion: 2,
            // A few dozen bytes.
            szOsFile: size_of::<Object>() as c_int,
            mxPathname: MAX_PATH,
            pNext: null_mut(),
            zName: c"verses-crashfs".as_ptr(),
            pAppData: null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(get_last_error),
            xCurrentTimeInt64: Some(current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        });
        // SAFETY: the object lives for ever, as SQLite wants of it, and is complete.
        unsafe { sqlite::sqlite3_vfs_register(Box::into_raw(vfs), 1) }
    });
    if code == sqlite::SQLITE_OK {
        return Ok(());
    }
    Err(io::Error::other(format!("SQLite refuses another file system: code {code}")))
}

fn code(result: Result<(), Code>) -> c_int {
    result.err().unwrap_or(sqlite::SQLITE_OK)
}

fn number(value: impl TryInto<usize>) -> usize {
    // SQLite passes no negative lengths and offsets; one would end as an access far beyond every file.
    value.try_into().unwrap_or(0)
}

/// The handle of an open file.
///
/// # Safety
/// `file` is one that `open` filled and `close` did not take yet, used by one thread at a time.
unsafe fn handle<'h>(file: *mut sqlite3_file) -> &'h mut Handle {
    // SAFETY: by the contract above `file` points to an `Object` whose handle came from `Box::into_raw`.
    unsafe { &mut *(*file.cast::<Object>()).handle }
}

/// A path SQLite passed; none if it passed none or one that is no UTF-8.
///
/// # Safety
/// `path` is null or a C string that outlives the use of the result.
unsafe fn text<'t>(path: *const c_char) -> Option<&'t str> {
    // SAFETY: not null here, and a C string by the contract above.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) }).and_then(|path| path.to_str().ok())
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    path: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let object = file.cast::<Object>();
    // SAFETY: `file` is room for `szOsFile` bytes; without methods SQLite does not call `xClose`.
    unsafe { (*object).base.pMethods = std::ptr::null() };
    // SAFETY: a C string or null.
    let path = unsafe { (path.is_null(), text(path)) };
    let opened = match path {
        (false, None) => Err(sqlite::SQLITE_CANTOPEN),
        (_, path) => vfs::open(path, flags),
    };
    match opened {
        Err(code) => code,
        Ok(opened) => {
            // SAFETY: as above; `out_flags` is null or room for the answer.
            unsafe {
                (*object).handle = Box::into_raw(Box::new(opened));
                (*object).base.pMethods = &raw const IO;
                if let Some(out_flags) = out_flags.as_mut() {
                    *out_flags = flags;
                }
            }
            sqlite::SQLITE_OK
        }
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: an open file; SQLite calls this once, and nothing after it.
    let handle = unsafe { Box::from_raw((*file.cast::<Object>()).handle) };
    handle.close();
    sqlite::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut sqlite3_file, to: *mut c_void, count: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: an open file, and a buffer of `count` bytes.
    let (handle, buffer) = unsafe { (handle(file), slice::from_raw_parts_mut(to.cast::<u8>(), number(count))) };
    code(handle.read(number(offset), buffer))
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: an open file, and `count` bytes to write.
    let (handle, data) = unsafe { (handle(file), slice::from_raw_parts(from.cast::<u8>(), number(count))) };
    code(handle.write(number(offset), data))
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    code(unsafe { handle(file) }.resize(number(len)))
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    code(unsafe { handle(file) }.sync())
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, len: *mut sqlite3_int64) -> c_int {
    // SAFETY: an open file, and room for the answer.
    unsafe { *len = handle(file).size().try_into().unwrap_or(sqlite3_int64::MAX) };
    sqlite::SQLITE_OK
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    code(unsafe { handle(file) }.lock(level))
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    unsafe { handle(file) }.unlock(level);
    sqlite::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, held: *mut c_int) -> c_int {
    // SAFETY: an open file, and room for the answer.
    unsafe { *held = c_int::from(handle(file).is_reserved()) };
    sqlite::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    sqlite::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut sqlite3_file) -> c_int {
    vfs::SECTOR
}

unsafe extern "C" fn device_characteristics(_: *mut sqlite3_file) -> c_int {
    vfs::CHARACTERISTICS
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    to: *mut *mut c_void,
) -> c_int {
    // SAFETY: an open file.
    let mapped = unsafe { handle(file) }.map_index(number(region), number(size), extend != 0);
    let (start, code) = match mapped {
        Ok(start) => (start.unwrap_or(null_mut()), sqlite::SQLITE_OK),
        Err(code) => (null_mut(), code),
    };
    // SAFETY: room for the answer.
    unsafe { *to = start.cast() };
    code
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: an open file.
    code(unsafe { handle(file) }.lock_index(number(first), number(count), flags))
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: an open file.
    unsafe { handle(file) }.barrier();
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    unsafe { handle(file) }.unmap_index();
    sqlite::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, path: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: a C string.
    let path = unsafe { text(path) };
    code(path.ok_or(sqlite::SQLITE_IOERR_DELETE).and_then(|path| vfs::delete(path, sync_folder != 0)))
}

unsafe extern "C" fn access(_: *mut sqlite3_vfs, path: *const c_char, flags: c_int, found: *mut c_int) -> c_int {
    // SAFETY: a C string, and room for the answer.
    unsafe { *found = c_int::from(text(path).is_some_and(|path| vfs::access(path, flags))) };
    sqlite::SQLITE_OK
}

/// Paths are taken as they are: tests pass absolute ones.
unsafe extern "C" fn full_pathname(_: *mut sqlite3_vfs, path: *const c_char, room: c_int, to: *mut c_char) -> c_int {
    // SAFETY: a C string.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes_with_nul();
    if bytes.len() > number(room) {
        return sqlite::SQLITE_CANTOPEN;
    }
    // SAFETY: `to` has `room` bytes, enough as just seen, and is another buffer than `path`.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), to, bytes.len()) };
    sqlite::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut sqlite3_vfs, count: c_int, to: *mut c_char) -> c_int {
    // SAFETY: a buffer of `count` bytes.
    vfs::randomness(unsafe { slice::from_raw_parts_mut(to.cast::<u8>(), number(count)) });
    count
}

unsafe extern "C" fn sleep(_: *mut sqlite3_vfs, micros: c_int) -> c_int {
    vfs::sleep(number(micros) as u64);
    micros
}

unsafe extern "C" fn current_time(_: *mut sqlite3_vfs, days: *mut f64) -> c_int {
    // SAFETY: room for the answer.
    unsafe { *days = vfs::julian_millis() as f64 / 86_400_000.0 };
    sqlite::SQLITE_OK
}

unsafe extern "C" fn current_time_int64(_: *mut sqlite3_vfs, millis: *mut sqlite3_int64) -> c_int {
    // SAFETY: room for the answer.
    unsafe { *millis = vfs::julian_millis() };
    sqlite::SQLITE_OK
}

unsafe extern "C" fn get_last_error(_: *mut sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    sqlite::SQLITE_OK
}
