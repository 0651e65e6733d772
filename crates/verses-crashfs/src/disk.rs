//! A simulated disk while programs run on it: contents, locks, faults, and the record of what happened. What a power cut
//! leaves of it is in `replay`; SQLite's side of the conversation is in `vfs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use crate::fault::{Call, Fault, FaultKind, Faults};
use crate::ffi;
use crate::image::Image;
use crate::locks::{FileLocks, IndexLocks};
use crate::replay::write_at;
use crate::rng::Rng;
use crate::trace::{Op, Trace};

/// The disks in use, by the folder they stand for.
static MOUNTED: Mutex<BTreeMap<PathBuf, Arc<Shared>>> = Mutex::new(BTreeMap::new());

/// A simulated disk in the place of a folder. Dropping it takes it away again.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) names: BTreeMap<String, u64>,
    pub(crate) files: BTreeMap<u64, File>,
    last_number: u64,
    last_handle: u64,
    pub(crate) faults: Faults,
    trace: Trace,
    rng: Option<Rng>,
}

/// A file as programs see it.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) content: Vec<u8>,
    pub(crate) locks: FileLocks,
    pub(crate) index_locks: IndexLocks,
    /// The index of its log, shared by all who have the file open.
    pub(crate) index: Vec<ffi::Region>,
    pub(crate) index_users: usize,
    pub(crate) open: usize,
}

fn mounted() -> MutexGuard<'static, BTreeMap<PathBuf, Arc<Shared>>> {
    MOUNTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The disk a path is on, and its name there.
pub(crate) fn find(path: &str) -> Option<(Arc<Shared>, String)> {
    let path = Path::new(path);
    let name = path.file_name()?.to_str()?.to_owned();
    let shared = mounted().get(path.parent()?).cloned()?;
    Some((shared, name))
}

impl Disk {
    /// Puts a disk with this content in the place of `folder`, a real folder that is otherwise not used. `seed` decides how
    /// much of a write arrives that fails.
    ///
    /// The files are put into the real folder too, and a file made there counts as made here: some code
    /// looks at a file, or makes it, before it gives it to SQLite. What SQLite does later is not seen there.
    ///
    /// # Errors
    /// Those of the real file system, and [`io::ErrorKind::Other`] if SQLite refuses to be given another file system.
    pub fn mount(folder: &Path, image: &Image, seed: u64) -> io::Result<Self> {
        ffi::install()?;
        for entry in fs::read_dir(folder)? {
            fs::remove_file(entry?.path())?;
        }
        let mut state = State { rng: Some(Rng::new(seed)), ..State::default() };
        for (name, content) in &image.files {
            fs::write(folder.join(name), content)?;
            let number = state.add(name);
            state.trace.start.insert(number, content.clone());
            state.trace.names.insert(name.clone(), number);
            if let Some(file) = state.files.get_mut(&number) {
                file.content.clone_from(content);
            }
        }
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        mounted().insert(folder.to_owned(), Arc::clone(&shared));
        Ok(Self { folder: folder.to_owned(), shared })
    }

    /// Notes in the record that a transaction is handed over now.
    pub fn begun(&self, lane: u8, number: u64) {
        self.shared.lock().record(Op::Begun { lane, number });
    }

    /// Notes in the record that a transaction was reported durable.
    pub fn done(&self, lane: u8, number: u64) {
        self.shared.lock().record(Op::Done { lane, number });
    }

    /// Plans a fault, and forgets the one before.
    pub fn inject(&self, fault: Fault) {
        self.shared.lock().faults.plan(fault);
    }

    /// No faults any more.
    pub fn heal(&self) {
        self.shared.lock().faults.heal();
    }

    /// How often the fault planned last struck, also after it was healed.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.shared.lock().faults.struck()
    }

    /// The record so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.shared.lock().trace.clone()
    }

    /// What programs see now.
    #[must_use]
    pub fn image(&self) -> Image {
        let state = self.shared.lock();
        let file = |(name, number): (&String, &u64)| Some((name.clone(), state.files.get(number)?.content.clone()));
        Image { files: state.names.iter().filter_map(file).collect() }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut all = mounted();
        // A later disk may have taken the place already.
        if all.get(&self.folder).is_some_and(|shared| Arc::ptr_eq(shared, &self.shared)) {
            all.remove(&self.folder);
        }
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, name: &str) -> u64 {
        self.last_number += 1;
        self.names.insert(name.to_owned(), self.last_number);
        self.files.insert(self.last_number, File::default());
        self.last_number
    }

    pub(crate) fn create(&mut self, name: &str) -> u64 {
        let file = self.add(name);
        self.record(Op::Create { name: name.to_owned(), file });
        file
    }

    pub(crate) fn new_handle(&mut self) -> u64 {
        self.last_handle += 1;
        self.last_handle
    }

    pub(crate) fn record(&mut self, op: Op) {
        self.trace.ops.push(op);
    }

    pub(crate) fn write(&mut self, number: u64, offset: usize, data: &[u8]) -> Result<(), FaultKind> {
        let fault = self.faults.strike(Call::Write);
        let arrives = match (fault, &mut self.rng) {
            (None, _) => data.len(),
            // A full disk takes what there is room for, a broken one whatever it likes.
            (Some(_), Some(rng)) => rng.index(data.len()),
            (Some(_), None) => 0,
        };
        if arrives > 0
            && let Some(file) = self.files.get_mut(&number)
        {
            write_at(&mut file.content, offset, &data[..arrives]);
            self.record(Op::Write { file: number, offset, data: data[..arrives].into() });
        }
        fault.map_or(Ok(()), Err)
    }

    pub(crate) fn resize(&mut self, number: u64, len: usize) -> Result<(), FaultKind> {
        if let Some(fault) = self.faults.strike(Call::Resize) {
            return Err(fault);
        }
        if let Some(file) = self.files.get_mut(&number) {
            file.content.resize(len, 0);
            self.record(Op::Resize { file: number, len });
        }
        Ok(())
    }

    pub(crate) fn sync(&mut self, number: u64, folder: bool) -> Result<(), FaultKind> {
        if let Some(fault) = self.faults.strike(Call::Sync) {
            self.record(Op::FailedSync { file: number });
            return Err(fault);
        }
        // The last one to close needs no lock on the index: the database is its own by then.
        let moving = |file: &File| file.index_locks.is_checkpointing() || file.locks.is_exclusive();
        let checkpoint = self.files.values().any(moving);
        self.record(Op::Sync { file: number, folder, checkpoint });
        Ok(())
    }

    /// Whether there was such a name.
    pub(crate) fn remove(&mut self, name: &str, synced: bool) -> Result<bool, FaultKind> {
        if let Some(fault) = self.faults.strike(Call::Remove) {
            return Err(fault);
        }
        let Some(number) = self.names.remove(name) else {
            return Ok(false);
        };
        self.record(Op::Remove { name: name.to_owned(), synced });
        self.forget_if_unused(number);
        Ok(true)
    }

    /// A file without a name lives until nobody has it open.
    pub(crate) fn forget_if_unused(&mut self, number: u64) {
        let is_named = self.names.values().any(|named| *named == number);
        if !is_named && self.files.get(&number).is_some_and(|file| file.open == 0) {
            self.files.remove(&number);
        }
    }
}
