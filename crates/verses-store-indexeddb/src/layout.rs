//! Names of the object stores and indexes. How they came to be is in `migrate`, what is in their rows in `rows`.

/// The schema this release reads and writes: the version of the database.
pub const SCHEMA_VERSION: u32 = 2;

/// One value under [`STATE_KEY`]: the counters.
pub(crate) const STATE: &str = "state";
pub(crate) const VERSES: &str = "verses";
pub(crate) const CARDS: &str = "verse_cards";
pub(crate) const EVENTS: &str = "card_events";
/// JSON under the owner.
pub(crate) const PROFILES: &str = "user_profiles";
pub(crate) const QUEUE: &str = "sync_queue";
/// By operation: whoever reads many rows of the queue does not read these.
pub(crate) const PAYLOADS: &str = "sync_payloads";
pub(crate) const COUNTS: &str = "sync_queue_counts";
/// Under numbers that fall, so that the newest come first.
pub(crate) const JOURNAL: &str = "sync_journal";
/// JSON under its name.
pub(crate) const META: &str = "meta";

pub(crate) const STATE_KEY: &str = "state";

/// Verses by (owner, creation, id).
pub(crate) const BY_CREATION: &str = "by_creation";
/// Verses not verified, in the same order.
pub(crate) const UNVERIFIED: &str = "unverified";
/// Cards not archived by (owner, due day, id).
pub(crate) const DUE: &str = "due";
/// Cards not archived by (owner, phase, id).
pub(crate) const BY_PHASE: &str = "by_phase";
/// Events by (owner, operation), unique.
pub(crate) const BY_OPERATION: &str = "by_operation";
/// Events without a place in the server's history, by (owner, occurrence, operation).
pub(crate) const UNSENT: &str = "unsent";
/// Reviews by (owner, occurrence with a minus sign, operation): newest first.
pub(crate) const REVIEWS: &str = "reviews";
/// Reviews by (owner, day).
pub(crate) const REVIEW_DAYS: &str = "review_days";
/// Queue by operation, unique.
pub(crate) const BY_ID: &str = "by_id";
/// Queue by (owner, status, position).
pub(crate) const BY_STATUS: &str = "by_status";
/// Queue by (owner, entity, position).
pub(crate) const BY_ENTITY: &str = "by_entity";
