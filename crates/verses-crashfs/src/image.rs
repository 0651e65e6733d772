//! What is on a disk while nobody runs. How it comes about after a power cut is in `replay`.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// The files of one folder by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Content by file name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// Writes the files to a real folder, for a look at them with other tools.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        self.files.iter().try_for_each(|(name, content)| fs::write(folder.join(name), content))
    }
}
