//! The service: what the server does with a request, without HTTP, without a clock and without a database of its own.
//! Batches, single operations, lookups, the feed of changes.
//!
//! The order of a batch: read each operation on its own; look up the texts that creations need, outside any
//! transaction; then decide and write all of it in one transaction; then answer lookups and changes.

mod batch;
mod changes;
mod cursor;
mod decide;
mod decode;
mod digest;
mod error;
mod lookup;
mod prepare;
mod replay;
mod target;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use verses_core::{UnixMillis, Verse};
use verses_protocol::{Change, ErrorCode, Limits, ProfileView, UserCard};

pub use self::error::ServiceError;
use crate::storage::{Storage, UserId, Wanted};
use crate::texts::Texts;

/// Called after a commit that added to a user's history.
pub type Observer = Arc<dyn Fn(UserId) + Send + Sync>;

/// A part of the work on a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking up what creations need.
    Texts,
    /// The transaction.
    Storage,
}

/// Called when a part begins; what it gives is dropped when the part ends. The service itself reads no clock.
pub type StageObserver = Arc<dyn Fn(Stage) -> Box<dyn Send> + Send + Sync>;

/// The service over a storage. Cloning gives another handle.
#[derive(Clone)]
pub struct Service<S> {
    storage: S,
    texts: Texts,
    limits: Arc<Limits>,
    observer: Option<Observer>,
    stages: Option<StageObserver>,
}

impl<S: fmt::Debug> fmt::Debug for Service<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("storage", &self.storage).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Everything the server holds about the verses of a user.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// The profile.
    pub profile: ProfileView,
    /// Cards.
    pub cards: Vec<UserCard>,
    /// Their verses. The text is empty where its publisher does not permit to keep it.
    pub verses: Vec<Verse>,
    /// Every accepted operation, oldest first.
    pub history: Vec<Change>,
}

impl<S: Storage> Service<S> {
    /// A service with these limits; their list of translations is taken from `texts`.
    #[must_use]
    pub fn new(storage: S, texts: Texts, limits: Limits) -> Self {
        let limits = Limits { translations: texts.translations(), ..limits };
        Self { storage, texts, limits: Arc::new(limits), observer: None, stages: None }
    }

    /// Calls `observer` after every commit that added to a user's history. It must not block.
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Calls `stages` when a part of the work on a batch begins.
    #[must_use]
    pub fn with_stages(mut self, stages: StageObserver) -> Self {
        self.stages = Some(stages);
        self
    }

    fn begin(&self, stage: Stage) -> Option<Box<dyn Send>> {
        self.stages.as_ref().map(|stages| stages(stage))
    }

    /// What the service accepts.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The storage.
    #[must_use]
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Whether requests can be served now.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn ready(&self) -> Result<(), ServiceError> {
        Ok(self.storage.ping().await?)
    }

    /// The profile of a user; empty before the first update.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn profile(&self, user: UserId) -> Result<ProfileView, ServiceError> {
        let loaded = self.storage.read(user, Wanted { profile: true, ..Wanted::default() }).await?;
        Ok(ProfileView::from(&loaded.profile))
    }

    /// Deletes everything of a user, for good. What the user's devices still send is refused.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn erase(&self, user: UserId, now: UnixMillis) -> Result<(), ServiceError> {
        Ok(self.storage.erase(user, now).await?)
    }

    /// Everything the server holds about the verses of a user.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn export(&self, user: UserId, now: UnixMillis) -> Result<Export, ServiceError> {
        let mut history = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.changes(user, now, cursor.as_deref(), None).await?;
            if page.reset {
                // The database was replaced in between: what was read before is of another history.
                history.clear();
            }
            history.extend(page.changes);
            if !page.has_more {
                break;
            }
            cursor = Some(page.cursor);
        }
        let everything = self.storage.everything(user).await?;
        Ok(Export {
            profile: ProfileView::from(&everything.profile),
            cards: everything.cards.values().map(UserCard::from).collect(),
            verses: everything.verses.into_values().collect(),
            history,
        })
    }
}

fn invalid_cursor() -> ServiceError {
    let message = "the cursor is not one this server gave out: leave it out to start from the beginning";
    ServiceError::request(ErrorCode::InvalidCursor, message)
}
