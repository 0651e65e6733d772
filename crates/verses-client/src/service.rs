//! `DataService`: everything an application does with verses on a device. Reads here; writes in `write`, accounts in
//! `account`, the server in `sync`.

use std::sync::Arc;

use batchsync::JournalEntry;
use jiff::civil::Date;
use litemap::LiteMap;
use verses_core::{Card, Profile, UnixMillis, Verse, VerseId, local_date};
use verses_store::{LocalStore, QueueTotals, StoredEvent, meta_key};

use crate::config::ClientConfig;
use crate::error::ClientError;
use crate::platform::Platform;
use crate::texts::OfflineTexts;
use crate::transport::Transport;

/// So many cards or more are shown with verses read in one go, all of the owner's; fewer ask for each verse by its id.
const VERSES_ASKED_FOR_BY_ID: usize = 500;

/// The data service over a store, a transport and a platform. Cloning gives another handle to the same ones.
#[derive(Clone)]
pub struct DataService<S, T, P> {
    pub(crate) store: S,
    pub(crate) transport: T,
    pub(crate) platform: P,
    pub(crate) texts: Arc<dyn OfflineTexts>,
    pub(crate) config: Arc<ClientConfig>,
}

impl<S, T, P> std::fmt::Debug for DataService<S, T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataService").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A card with its verse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardWithVerse {
    /// The card.
    pub card: Card,
    /// Its verse; absent only in a damaged store.
    pub verse: Option<Verse>,
}

impl<S: LocalStore, T: Transport, P: Platform> DataService<S, T, P> {
    /// A service over these parts.
    pub fn new(store: S, transport: T, platform: P, texts: Arc<dyn OfflineTexts>, config: ClientConfig) -> Self {
        Self { store, transport, platform, texts, config: Arc::new(config) }
    }

    /// The store, for reads this service does not wrap.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The settings.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The platform.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// The transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The same service over another transport.
    pub fn with_transport<U: Transport>(&self, transport: U) -> DataService<S, U, P> {
        DataService {
            store: self.store.clone(),
            transport,
            platform: self.platform.clone(),
            texts: Arc::clone(&self.texts),
            config: Arc::clone(&self.config),
        }
    }

    /// The time as the server would tell it: the device's clock plus the measured offset.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn corrected_now(&self) -> Result<UnixMillis, ClientError> {
        Ok(self.corrected(self.store.meta(meta_key::CLOCK_OFFSET_MS).await?))
    }

    fn corrected(&self, offset_ms: Option<String>) -> UnixMillis {
        let offset_ms = offset_ms.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        UnixMillis(self.platform.now_ms().saturating_add(offset_ms))
    }

    /// The owner's profile.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn profile(&self) -> Result<Profile, ClientError> {
        Ok(self.store.profile(&self.owner().await?).await?)
    }

    /// The user's local date now, in the profile's time zone; without one in `fallback_zone`, else UTC.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn today(&self, fallback_zone: Option<&str>) -> Result<Date, ClientError> {
        Ok(self.owner_and_today(fallback_zone).await?.1)
    }

    /// The owner, and today's date as [`Self::today`] gives it: in fewer turns than one after the other.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn owner_and_today(&self, fallback_zone: Option<&str>) -> Result<(String, Date), ClientError> {
        // Asked for before the profile is there: a store may read both at once.
        let offset_ms = self.store.meta(meta_key::CLOCK_OFFSET_MS);
        let owner = self.owner().await?;
        let profile = self.store.profile(&owner).await?;
        let today = self.date_now(offset_ms.await?, &profile, fallback_zone)?;
        Ok((owner, today))
    }

    /// The same of a profile that was read already.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn today_of(&self, profile: &Profile, fallback_zone: Option<&str>) -> Result<Date, ClientError> {
        let offset_ms = self.store.meta(meta_key::CLOCK_OFFSET_MS).await?;
        self.date_now(offset_ms, profile, fallback_zone)
    }

    fn date_now(
        &self,
        offset_ms: Option<String>,
        profile: &Profile,
        fallback_zone: Option<&str>,
    ) -> Result<Date, ClientError> {
        let now = self.corrected(offset_ms);
        let zone = profile.timezone.value.as_deref().or(fallback_zone).unwrap_or("UTC");
        Ok(local_date(now, zone).or_else(|_| local_date(now, "UTC"))?)
    }

    /// All cards with their verses, archived ones too, by creation.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn library(&self) -> Result<Vec<CardWithVerse>, ClientError> {
        let owner = self.owner().await?;
        let cards = self.store.cards(&owner).await?;
        self.with_verses(&owner, cards).await
    }

    /// Cards due on or before `today`, oldest due first.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn due(&self, today: Date) -> Result<Vec<CardWithVerse>, ClientError> {
        self.due_of(&self.owner().await?, today).await
    }

    /// The same of an owner who is known already.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn due_of(&self, owner: &str, today: Date) -> Result<Vec<CardWithVerse>, ClientError> {
        let cards = self.store.due_cards(owner, today).await?;
        self.with_verses(owner, cards).await
    }

    async fn with_verses(&self, owner: &str, cards: Vec<Card>) -> Result<Vec<CardWithVerse>, ClientError> {
        let found = if cards.len() < VERSES_ASKED_FOR_BY_ID {
            let ids: Vec<VerseId> = cards.iter().map(|card| card.verse_id).collect();
            self.store.verses_of(owner, &ids).await?
        } else {
            self.store.verses(owner).await?
        };
        let mut verses: LiteMap<VerseId, Option<Verse>> = found.into_iter().map(|v| (v.id, Some(v))).collect();
        let mut verse_of = |card: &Card| verses.get_mut(&card.verse_id).and_then(Option::take);
        Ok(cards.into_iter().map(|card| CardWithVerse { verse: verse_of(&card), card }).collect())
    }

    /// One card with its verse.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn find(&self, verse_id: VerseId) -> Result<Option<CardWithVerse>, ClientError> {
        let owner = self.owner().await?;
        let Some(card) = self.store.card(&owner, verse_id).await? else { return Ok(None) };
        let verse = self.store.verse(&owner, verse_id).await?;
        Ok(Some(CardWithVerse { card, verse }))
    }

    /// Verses whose text no server has confirmed, oldest first, at most `limit` (the usual is 50).
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn unverified_verses(&self, limit: u32) -> Result<Vec<Verse>, ClientError> {
        Ok(self.store.unverified_verses(&self.owner().await?, limit).await?)
    }

    /// The newest reviews, newest first.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn review_logs(&self, limit: u32) -> Result<Vec<StoredEvent>, ClientError> {
        Ok(self.store.review_logs(&self.owner().await?, limit).await?)
    }

    /// Counts of the owner's queue.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn queue_totals(&self) -> Result<QueueTotals, ClientError> {
        Ok(self.store.queue_totals(&self.owner().await?).await?)
    }

    /// The newest entries of the journal, newest first.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn journal(&self, limit: u32) -> Result<Vec<JournalEntry>, ClientError> {
        Ok(self.store.journal(limit).await?)
    }
}
