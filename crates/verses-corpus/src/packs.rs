//! The starter packs: references to begin with, without text.

use std::sync::OnceLock;

use serde::Deserialize;

/// A list of passages to begin with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StarterPack {
    /// Short name: "first-steps".
    pub id: String,
    /// Title for people.
    pub title: String,
    /// Its passages.
    pub items: Vec<StarterItem>,
}

/// One passage of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StarterItem {
    /// OSIS form, which the parser reads too: "Prov.3.5-Prov.3.6".
    pub osis: String,
}

#[derive(Deserialize)]
struct File {
    packs: Vec<StarterPack>,
}

/// All packs that come with Verses.
#[must_use]
pub fn starter_packs() -> &'static [StarterPack] {
    static PACKS: OnceLock<Vec<StarterPack>> = OnceLock::new();
    // A test reads the file: it cannot be wrong in a released binary.
    PACKS.get_or_init(|| {
        serde_json::from_slice::<File>(include_bytes!("../assets/starter-packs.json"))
            .map(|f| f.packs)
            .unwrap_or_default()
    })
}
