//! The starter packs: references to begin with, without text.

use std::sync::OnceLock;

/// A list of passages to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarterPack {
    /// Short name: "first-steps".
    pub id: String,
    /// Title for people.
    pub title: String,
    /// Its passages.
    pub items: Vec<StarterItem>,
}

/// One passage of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarterItem {
    /// OSIS form, which the parser reads too: "Prov.3.5-Prov.3.6".
    pub osis: String,
}

/// All packs that come with Verses.
#[must_use]
pub fn starter_packs() -> &'static [StarterPack] {
    static PACKS: OnceLock<Vec<StarterPack>> = OnceLock::new();
    PACKS.get_or_init(|| read(include_str!("../assets/starter-packs.txt")))
}

/// A pack is a line `name: title`; its passages follow, a line each, indented. Lines with `#` are comments.
fn read(text: &str) -> Vec<StarterPack> {
    let mut packs: Vec<StarterPack> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((id, title)) = line.split_once(':') {
            packs.push(StarterPack { id: id.to_owned(), title: title.trim().to_owned(), items: Vec::new() });
        } else if let Some(pack) = packs.last_mut() {
            pack.items.push(StarterItem { osis: line.trim().to_owned() });
        }
    }
    packs
}
