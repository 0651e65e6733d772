//! Texts a device has without a network. The client is handed a source of them; it has none of its own.

use verses_core::{Passage, TextLookup};
use verses_store::MaybeSendSync;

/// A source of verse texts that needs no network.
pub trait OfflineTexts: MaybeSendSync + 'static {
    /// The text of a passage. `Found` must carry a verse that is not verified: only the server verifies.
    fn find(&self, translation: &str, passage: &Passage, now: verses_core::UnixMillis) -> TextLookup;
}

/// No texts: verses are kept without words until the server supplies them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTexts;

impl OfflineTexts for NoTexts {
    fn find(&self, _: &str, _: &Passage, _: verses_core::UnixMillis) -> TextLookup {
        TextLookup::NotAsked
    }
}
