//! From a trace to the disks a power cut may leave: what is certainly there, what is still on its way, and which part of
//! that arrives. Pure: the same trace and random numbers give the same disk.
//!
//! What was synced is there. Of what was not, each piece may be there, be missing, or be there in part, torn at sectors of
//! 512 bytes, in any order. Bytes that nobody wrote to are never touched (SQLite's "powersafe overwrite", which its
//! own file system on Unix claims as well).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::image::Image;
use crate::rng::Rng;
use crate::trace::{Op, Trace};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// The log's header, written where a log begins anew.
const LOG_HEADER: usize = 32;

/// Which syncs the disk keeps its word on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    /// All.
    Honest,
    /// None: a disk that lies, or a program that never asks (`synchronous = OFF`).
    Ignored,
    /// Those of a program that syncs the log only before moving it into the database (`synchronous = NORMAL`).
    OnlyAtCheckpoint,
}

/// When names of files made or removed are certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// In order, and with any later sync of any file, as journaling file systems do it.
    Ordered,
    /// Only when the folder is synced, as POSIX has it, and until then in any combination.
    Strict,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Arc<[u8]>),
    Resize(usize),
}

#[derive(Debug, Clone)]
enum Naming {
    Create(String, u64),
    Remove(String),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
    log_header_last: bool,
}

/// A position in a trace.
#[derive(Debug, Clone)]
pub struct Replay {
    syncs: Syncs,
    metadata: Metadata,
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    pending_names: Vec<Naming>,
}

impl Replay {
    /// Before the first operation.
    #[must_use]
    pub fn new(trace: &Trace, syncs: Syncs, metadata: Metadata) -> Self {
        let files = trace.start.iter().map(|(file, content)| {
            let durable = content.clone();
            (*file, File { durable, ..File::default() })
        });
        Self { syncs, metadata, files: files.collect(), names: trace.names.clone(), pending_names: Vec::new() }
    }

    /// Goes on by one operation.
    pub fn step(&mut self, op: &Op, rng: &mut Rng) {
        match op {
            Op::Create { name, file } => {
                self.files.entry(*file).or_default();
                self.pending_names.push(Naming::Create(name.clone(), *file));
            }
            Op::Remove { name, synced } => {
                self.pending_names.push(Naming::Remove(name.clone()));
                if *synced && self.syncs != Syncs::Ignored {
                    self.settle_names();
                }
            }
            Op::Write { file, offset, data } => {
                let file = self.files.entry(*file).or_default();
                file.log_header_last = *offset == 0 && data.len() == LOG_HEADER;
                file.pending.push(Change::Write(*offset, Arc::clone(data)));
            }
            Op::Resize { file, len } => self.files.entry(*file).or_default().pending.push(Change::Resize(*len)),
            Op::Sync { file, folder, checkpoint } => self.sync(*file, *folder, *checkpoint),
            Op::FailedSync { file } => {
                let file = self.files.entry(*file).or_default();
                for change in std::mem::take(&mut file.pending) {
                    if rng.chance(50) {
                        apply(&mut file.durable, &change);
                    }
                }
            }
            Op::Begun { .. } | Op::Done { .. } => {}
        }
    }

    fn sync(&mut self, number: u64, folder: bool, checkpoint: bool) {
        let file = self.files.entry(number).or_default();
        let is_log = self.names.iter().any(|(name, of)| *of == number && name.ends_with("-wal"))
            || self
                .pending_names
                .iter()
                .any(|naming| matches!(naming, Naming::Create(name, of) if *of == number && name.ends_with("-wal")));
        let kept = match self.syncs {
            Syncs::Honest => true,
            Syncs::Ignored => false,
            Syncs::OnlyAtCheckpoint => !is_log || checkpoint || file.log_header_last,
        };
        if !kept {
            return;
        }
        for change in std::mem::take(&mut file.pending) {
            apply(&mut file.durable, &change);
        }
        if folder || self.metadata == Metadata::Ordered {
            self.settle_names();
        }
    }

    fn settle_names(&mut self) {
        for naming in std::mem::take(&mut self.pending_names) {
            rename(&mut self.names, &naming);
        }
    }

    /// Pieces that a power cut now may lose.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending_names.len() + self.files.values().map(|file| file.pending.len()).sum::<usize>()
    }

    /// The disk after a power cut here, with everything that was on its way.
    #[must_use]
    pub fn cut_after_all(&self) -> Image {
        let mut names = self.names.clone();
        self.pending_names.iter().for_each(|naming| rename(&mut names, naming));
        self.image(&names, |file| {
            let mut content = file.durable.clone();
            file.pending.iter().for_each(|change| apply(&mut content, change));
            content
        })
    }

    /// The disk after a power cut here, with nothing of what was on its way.
    #[must_use]
    pub fn cut_before_all(&self) -> Image {
        self.image(&self.names, |file| file.durable.clone())
    }

    /// The disk after a power cut here, with a part of what was on its way: a beginning of it whose last piece is torn, or
    /// any of its pieces, each of them whole or torn.
    #[must_use]
    pub fn cut(&self, rng: &mut Rng) -> Image {
        let mut names = self.names.clone();
        let prefix = self.metadata == Metadata::Ordered || rng.chance(30);
        let until = rng.index(self.pending_names.len() + 1);
        for (number, naming) in self.pending_names.iter().enumerate() {
            if if prefix { number < until } else { rng.chance(50) } {
                rename(&mut names, naming);
            }
        }
        let in_order = rng.chance(40);
        let survival = [10, 50, 90, 98][rng.index(4)];
        let garbage = rng.chance(25);
        let mut contents = BTreeMap::new();
        for (number, file) in &self.files {
            let cut = if in_order { beginning_of(file, rng) } else { pieces_of(file, survival, garbage, rng) };
            contents.insert(*number, cut);
        }
        let content = |(name, number): (&String, &u64)| Some((name.clone(), contents.get(number)?.clone()));
        Image { files: names.iter().filter_map(content).collect() }
    }

    fn image(&self, names: &BTreeMap<String, u64>, content: impl Fn(&File) -> Vec<u8>) -> Image {
        let file = |(name, number): (&String, &u64)| Some((name.clone(), content(self.files.get(number)?)));
        Image { files: names.iter().filter_map(file).collect() }
    }
}

fn rename(names: &mut BTreeMap<String, u64>, naming: &Naming) {
    match naming {
        Naming::Create(name, file) => names.insert(name.clone(), *file),
        Naming::Remove(name) => names.remove(name),
    };
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(offset, data) => write_at(content, *offset, data),
        Change::Resize(len) => content.resize(*len, 0),
    }
}

pub(crate) fn write_at(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

/// The first pieces in order, the last of them torn.
fn beginning_of(file: &File, rng: &mut Rng) -> Vec<u8> {
    let mut content = file.durable.clone();
    let until = rng.index(file.pending.len() + 1);
    file.pending[..until].iter().for_each(|change| apply(&mut content, change));
    if let Some(change) = file.pending.get(until) {
        tear(&mut content, change, false, rng);
    }
    content
}

/// Any of the pieces; each survives with a chance of `survival` percent, and one in four that do is torn.
fn pieces_of(file: &File, survival: u64, garbage: bool, rng: &mut Rng) -> Vec<u8> {
    let mut content = file.durable.clone();
    for change in &file.pending {
        if !rng.chance(survival) {
            if rng.chance(20) {
                grow(&mut content, change, garbage, rng);
            }
        } else if rng.chance(25) {
            tear(&mut content, change, garbage, rng);
        } else {
            apply(&mut content, change);
        }
    }
    content
}

/// Some sectors of a write; the file has its new length in any case.
fn tear(content: &mut Vec<u8>, change: &Change, garbage: bool, rng: &mut Rng) {
    let Change::Write(offset, data) = change else {
        return;
    };
    grow(content, change, garbage, rng);
    let mut from = 0;
    while from < data.len() {
        let to = data.len().min(from + SECTOR - (offset + from) % SECTOR);
        if rng.chance(50) {
            content[offset + from..offset + to].copy_from_slice(&data[from..to]);
        }
        from = to;
    }
}

/// The length of the file arrives without the bytes: zeros are there, or what the disk held before.
fn grow(content: &mut Vec<u8>, change: &Change, garbage: bool, rng: &mut Rng) {
    if let Change::Write(offset, data) = change {
        let (old, new) = (content.len(), offset + data.len());
        if old < new {
            content.resize(new, 0);
            if garbage {
                content[old..].chunks_mut(8).for_each(|chunk| {
                    let bytes = rng.draw().to_le_bytes();
                    chunk.copy_from_slice(&bytes[..chunk.len()]);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(ops: Vec<Op>) -> Trace {
        Trace { start: BTreeMap::from([(1, vec![b'.'; 2048])]), names: BTreeMap::from([("a".into(), 1)]), ops }
    }

    fn write(file: u64, offset: usize, len: usize) -> Op {
        Op::Write { file, offset, data: vec![b'x'; len].into() }
    }

    fn sync(file: u64, folder: bool) -> Op {
        Op::Sync { file, folder, checkpoint: false }
    }

    fn at_end(trace: &Trace, syncs: Syncs, metadata: Metadata) -> Replay {
        let mut replay = Replay::new(trace, syncs, metadata);
        trace.ops.iter().for_each(|op| replay.step(op, &mut Rng::new(1)));
        replay
    }

    #[test]
    fn what_was_synced_is_there_after_every_cut() {
        let trace = trace(vec![write(1, 100, 900), sync(1, false), write(1, 0, 2048)]);
        let replay = at_end(&trace, Syncs::Honest, Metadata::Strict);
        let mut rng = Rng::new(7);
        for _ in 0..1000 {
            let image = replay.cut(&mut rng);
            assert!(image.files["a"][100..1000].iter().all(|byte| *byte == b'x'));
        }
    }

    #[test]
    fn what_was_not_synced_arrives_whole_in_part_or_not_at_all_and_only_by_sectors() {
        let trace = trace(vec![write(1, 300, 1000)]);
        let replay = at_end(&trace, Syncs::Honest, Metadata::Strict);
        let mut rng = Rng::new(7);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let content = replay.cut(&mut rng).files["a"].clone();
            assert!(content[..300].iter().chain(&content[1300..]).all(|byte| *byte == b'.'));
            for sector in [300..512, 512..1024, 1024..1300] {
                assert!(content[sector.clone()].iter().all(|byte| *byte == content[sector.start]));
            }
            seen.insert(content);
        }
        assert_eq!(seen.len(), 8, "every combination of the three sectors");
        assert_eq!(replay.pending(), 1);
    }

    #[test]
    fn a_disk_that_lies_may_lose_what_was_synced() {
        let trace = trace(vec![write(1, 0, 512), sync(1, true)]);
        let replay = at_end(&trace, Syncs::Ignored, Metadata::Ordered);
        assert_eq!(replay.cut_before_all().files["a"][0], b'.');
        assert_eq!(replay.cut_after_all().files["a"][0], b'x');
    }

    #[test]
    fn a_new_name_is_certain_with_its_folder_or_with_any_sync_where_names_are_ordered() {
        let made = |folder| {
            let create = Op::Create { name: "b-wal".into(), file: 2 };
            trace(vec![create, write(2, 0, 32), sync(2, folder)])
        };
        let names = |trace: &Trace, metadata| {
            let image = at_end(trace, Syncs::Honest, metadata).cut_before_all();
            image.files.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(names(&made(true), Metadata::Strict), ["a", "b-wal"]);
        assert_eq!(names(&made(false), Metadata::Strict), ["a"]);
        assert_eq!(names(&made(false), Metadata::Ordered), ["a", "b-wal"]);
    }

    #[test]
    fn a_removed_file_and_its_successor_are_two() {
        let ops = vec![
            Op::Remove { name: "a".into(), synced: false },
            Op::Create { name: "a".into(), file: 2 },
            write(2, 0, 8),
            sync(2, false),
        ];
        let replay = at_end(&trace(ops), Syncs::Honest, Metadata::Strict);
        let mut rng = Rng::new(3);
        for _ in 0..200 {
            match replay.cut(&mut rng).files.get("a") {
                None => {}
                Some(content) => assert!(content.len() == 2048 || content == b"xxxxxxxx"),
            }
        }
    }

    #[test]
    fn after_a_failed_sync_no_later_one_brings_the_bytes_back() {
        let trace = trace(vec![write(1, 0, 1), write(1, 512, 1), Op::FailedSync { file: 1 }, sync(1, false)]);
        let mut seen = std::collections::BTreeSet::new();
        let mut rng = Rng::new(9);
        for _ in 0..100 {
            let mut replay = Replay::new(&trace, Syncs::Honest, Metadata::Strict);
            trace.ops.iter().for_each(|op| replay.step(op, &mut rng));
            assert_eq!(replay.pending(), 0);
            seen.insert(replay.cut_before_all().files["a"].clone());
        }
        assert_eq!(seen.len(), 4);
    }
}
