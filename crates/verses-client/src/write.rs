//! Dual write: an action becomes one operation, and its effect and its queue row are written in one transaction.
//! Sending is in `sync`.

use batchsync::{EntityKey, OperationStatus, QueuedMeta};
use jiff::civil::Date;
use litemap::LiteMap;
use verses_core::{
    ApplyContext, Card, CardAction, CreateVerse, Effect, Operation, OperationId, OperationKind, Phase, RecordReview,
    ReferenceDisplayMode, Rejection, SetPhase, Slot, TextLookup, UnixMillis, UpdateProfile, UserState, VerseId, apply,
    local_date, parse_passage, sorted,
};
use verses_store::{
    LocalStore, MaybeSend, NewQueuedOperation, PAYLOAD_VERSION, QueuedOperation, StoreChange, StoreError, meta_key,
};

use crate::error::ClientError;
use crate::platform::{Platform, new_id};
use crate::results::DualWriteResult;
use crate::service::{CardWithVerse, DataService};
use crate::slots;
use crate::transport::Transport;

/// Actions written in one transaction when there are many.
const ACTIONS_PER_TRANSACTION: usize = 200;
/// How often a write is decided anew when another process writes meanwhile.
const MAX_TRIES: u32 = 200;
const DAY_MS: i64 = 24 * 3_600_000;
/// Entity of profile updates.
pub const PROFILE_ENTITY: &str = "profile";

/// A passage to add.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewVerse {
    /// What the user typed: one passage, or the title of an own text.
    pub reference: String,
    /// Translation; `None`: the profile's, else the default.
    pub translation: Option<String>,
    /// The user's own text.
    pub text: Option<String>,
}

/// Fields of the profile to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileChange {
    /// Full name.
    pub full_name: Option<String>,
    /// Preferred translation.
    pub preferred_translation: Option<String>,
    /// How references are shown.
    pub reference_display_mode: Option<ReferenceDisplayMode>,
    /// IANA time zone.
    pub timezone: Option<String>,
}

/// What became of one operation.
enum Performed {
    Queued { operation_id: String, verse_id: Option<VerseId> },
    Duplicate { verse_id: VerseId },
    Refused(Rejection),
}

/// The entity an operation about a verse belongs to.
#[must_use]
pub fn verse_entity(id: VerseId) -> EntityKey {
    format!("verse/{id}")
}

impl<S: LocalStore, T: Transport, P: Platform> DataService<S, T, P> {
    /// Adds passages; every one gets its own result, in order. `progress` is told how many are done.
    ///
    /// # Errors
    /// [`ClientError::QueueFull`] and errors of the store; what was added before them stays added.
    pub async fn add_verses(
        &self,
        verses: &[NewVerse],
        mut progress: impl FnMut(usize) + MaybeSend,
    ) -> Result<Vec<DualWriteResult<CardWithVerse>>, ClientError> {
        let mut results = Vec::with_capacity(verses.len());
        for chunk in verses.chunks(ACTIONS_PER_TRANSACTION) {
            let operations = chunk.iter().map(create_operation).collect::<Vec<_>>();
            let (performed, state) = self.perform(&operations).await?;
            for performed in performed {
                results.push(card_result(&state, performed)?);
            }
            progress(results.len());
        }
        Ok(results)
    }

    /// Records a review.
    ///
    /// # Errors
    /// [`ClientError::Rejected`] when the verse is not in the collection; else as [`Self::add_verses`].
    pub async fn record_review(
        &self,
        verse_id: VerseId,
        was_successful: bool,
        review_time_seconds: Option<u32>,
    ) -> Result<DualWriteResult<CardWithVerse>, ClientError> {
        self.one(Operation::RecordReview(RecordReview {
            verse_id,
            was_successful,
            occurred_at: UnixMillis(0),
            local_date: Date::ZERO,
            review_time_seconds,
            slot: None,
        }))
        .await
    }

    /// Puts a card away, or takes it out again.
    ///
    /// # Errors
    /// As [`Self::record_review`].
    pub async fn archive(
        &self,
        verse_id: VerseId,
        archived: bool,
    ) -> Result<DualWriteResult<CardWithVerse>, ClientError> {
        let action = CardAction { verse_id, occurred_at: UnixMillis(0), local_date: Date::ZERO };
        self.one(if archived { Operation::ArchiveVerse(action) } else { Operation::RestoreVerse(action) }).await
    }

    /// Sets a card's phase by hand.
    ///
    /// # Errors
    /// As [`Self::record_review`].
    pub async fn set_phase(
        &self,
        verse_id: VerseId,
        phase: Phase,
    ) -> Result<DualWriteResult<CardWithVerse>, ClientError> {
        let operation = SetPhase { verse_id, phase, occurred_at: UnixMillis(0), local_date: Date::ZERO, slot: None };
        self.one(Operation::SetPhase(operation)).await
    }

    /// Changes fields of the profile.
    ///
    /// # Errors
    /// [`ClientError::Rejected`] naming the field that is wrong; else as [`Self::add_verses`].
    pub async fn update_profile(
        &self,
        change: ProfileChange,
    ) -> Result<DualWriteResult<verses_core::Profile>, ClientError> {
        let operation = Operation::UpdateProfile(UpdateProfile {
            occurred_at: UnixMillis(0),
            full_name: change.full_name,
            preferred_translation: change.preferred_translation,
            reference_display_mode: change.reference_display_mode,
            timezone: change.timezone,
        });
        let (operation_id, _) = self.queue_operation(operation).await?;
        Ok(DualWriteResult::queued(self.profile().await?, operation_id))
    }

    /// The base of all actions, the source's `queueOperation`: stamps one operation, applies it on this device and
    /// queues it, in one transaction. Gives its id and the verse it touched.
    ///
    /// # Errors
    /// [`ClientError::Rejected`] when it is not possible; nothing is written then.
    pub async fn queue_operation(&self, operation: Operation) -> Result<(String, Option<VerseId>), ClientError> {
        match self.perform(std::slice::from_ref(&operation)).await?.0.pop() {
            Some(Performed::Queued { operation_id, verse_id }) => Ok((operation_id, verse_id)),
            Some(Performed::Duplicate { verse_id }) => Ok((String::new(), Some(verse_id))),
            Some(Performed::Refused(rejection)) => Err(rejection.into()),
            None => Err(ClientError::Store(StoreError::Backend("nothing was performed".into()))),
        }
    }

    async fn one(&self, operation: Operation) -> Result<DualWriteResult<CardWithVerse>, ClientError> {
        let (mut performed, state) = self.perform(std::slice::from_ref(&operation)).await?;
        match performed.pop() {
            Some(Performed::Refused(rejection)) => Err(rejection.into()),
            Some(performed) => card_result(&state, performed),
            None => Err(ClientError::Store(StoreError::Backend("nothing was performed".into()))),
        }
    }

    /// One transaction: decides on what is read now, and decides anew if somebody else wrote meanwhile. Gives what was done,
    /// and what it left of everything it touched.
    async fn perform(&self, operations: &[Operation]) -> Result<(Vec<Performed>, UserState), ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let run = self.decide(operations).await?;
            match self.store.commit(Some(base), run.changes).await {
                Ok(_) => return Ok((run.performed, run.state)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy("another process keeps writing".into()).into())
    }

    async fn decide(&self, operations: &[Operation]) -> Result<Run, ClientError> {
        let mut run = self.load(operations).await?;
        let totals = self.store.queue_totals(&run.owner).await?;
        run.totals = batchsync::QueueTotals { len: totals.waiting.saturating_add(totals.failed), bytes: totals.bytes };
        for operation in operations {
            let performed = self.decide_one(&mut run, operation)?;
            run.performed.push(performed);
        }
        run.finish();
        Ok(run)
    }

    /// Everything the operations touch.
    async fn load(&self, operations: &[Operation]) -> Result<Run, ClientError> {
        let owner = self.owner().await?;
        let profile = self.store.profile(&owner).await?;
        let last = self.store.meta(meta_key::LAST_OCCURRED_AT).await?.and_then(|t| t.parse::<i64>().ok()).unwrap_or(0);
        let zone = profile.timezone.value.clone().unwrap_or_else(|| self.config.time_zone.clone());
        let now = self.corrected_now().await?;
        let mut run = Run { queued_at: self.platform.now_ms(), ..Run::new(owner, now, last, zone) };
        run.state.profile = profile;
        let wanted = sorted(operations.iter().filter_map(|o| self.verse_of(&run, o)));
        let verses = self.store.verses_of(&run.owner, &wanted).await?;
        run.state.verses.extend(verses.into_iter().map(|verse| (verse.id, verse)));
        let cards = self.store.cards_of(&run.owner, &wanted).await?;
        run.state.cards.extend(cards.into_iter().map(|card| (card.verse_id, card)));
        // What waits about a verse waits beside its card: both are written and undone together.
        for id in run.state.cards.keys().copied().collect::<Vec<_>>().iter() {
            for meta in self.store.queued_for_entity(&run.owner, &verse_entity(*id)).await? {
                if meta.kind == OperationKind::CreateVerse.as_str() {
                    run.creations.insert(*id, meta.id.clone());
                }
                run.waiting.push(meta.id);
            }
        }
        // Cards on which the new event may not come last.
        let next_stamp = UnixMillis(now.0.max(last.saturating_add(1)));
        let late = run.state.cards.values().filter(|c| c.fold.last_event.occurred_at >= next_stamp);
        let late = late.map(|c| c.verse_id).collect::<Vec<_>>();
        for stored in self.store.events_of(&run.owner, &late).await? {
            run.state.events.entry(stored.event.verse_id).or_default().push(stored.event);
        }
        if operations.iter().any(|o| matches!(o, Operation::UpdateProfile(_))) {
            run.open_profile_update = self.open_profile_update(&run.owner).await?;
        }
        for phase in phases_entered(&run, operations) {
            run.cards_of_phases.extend(self.store.cards_by_phase(&run.owner, phase).await?);
        }
        Ok(run)
    }

    /// A profile update that waits and was never sent: a further one is folded into it.
    async fn open_profile_update(&self, owner: &str) -> Result<Option<QueuedOperation>, ClientError> {
        let waiting = self.store.queued_for_entity(owner, PROFILE_ENTITY).await?;
        let open = waiting.into_iter().rev().find(|m| m.status == OperationStatus::Pending && !m.ever_sent);
        let Some(meta) = open else { return Ok(None) };
        Ok(self.store.queued(&[meta.id]).await?.pop())
    }

    fn verse_of(&self, run: &Run, operation: &Operation) -> Option<VerseId> {
        match operation {
            Operation::CreateVerse(create) => Some(verses_core::verse_id_of_create(create, &run.state.profile)),
            Operation::RecordReview(o) => Some(o.verse_id),
            Operation::ArchiveVerse(o) | Operation::RestoreVerse(o) => Some(o.verse_id),
            Operation::SetPhase(o) => Some(o.verse_id),
            Operation::UpdateProfile(_) => None,
        }
    }

    fn decide_one(&self, run: &mut Run, operation: &Operation) -> Result<Performed, ClientError> {
        let mut operation = run.stamp(operation.clone());
        let folded_into = match &mut operation {
            Operation::UpdateProfile(update) => run.fold_into_open(update),
            _ => None,
        };
        let id = folded_into.clone().unwrap_or_else(|| new_id(&self.platform).to_string());
        let operation_id = OperationId::new(id.clone()).map_err(|e| StoreError::Backend(e.to_string()))?;
        let text = match &operation {
            Operation::CreateVerse(create) => self.text_of(create, run),
            _ => TextLookup::NotAsked,
        };
        // Not before the stamp: one that lies ahead, because the clock was set back, must stay what is sent. Whether it
        // is plausible is for the server to say.
        let now = UnixMillis(run.now.0.max(run.last_occurred_at));
        let context = ApplyContext { operation_id: &operation_id, now, text: &text };
        let effect = match apply(&mut run.state, &context, &operation) {
            Ok(effect) => effect,
            Err(rejection) => return Ok(Performed::Refused(rejection)),
        };
        if let (true, Some(verse_id)) = (effect.duplicate, effect.verse_id) {
            return Ok(Performed::Duplicate { verse_id });
        }
        run.write(id, &operation, &effect, folded_into.is_some(), &self.config.batch)
    }

    fn text_of(&self, create: &CreateVerse, run: &Run) -> TextLookup {
        let Ok(passage) = parse_passage(&create.reference) else { return TextLookup::NotAsked };
        let translation = verses_core::translation_of_create(create, &run.state.profile);
        match self.texts.find(&translation, &passage, run.now) {
            // A text this device does not have is no reason to refuse: the server may have it.
            TextLookup::Unavailable { .. } | TextLookup::Failed { .. } => TextLookup::NotAsked,
            found => found,
        }
    }
}

/// The result of an action on a card, as the transaction left it.
fn card_result(state: &UserState, performed: Performed) -> Result<DualWriteResult<CardWithVerse>, ClientError> {
    let (verse_id, operation_id) = match performed {
        Performed::Refused(rejection) => return Ok(DualWriteResult::failed(&rejection.into())),
        Performed::Duplicate { verse_id } => (Some(verse_id), None),
        Performed::Queued { operation_id, verse_id } => (verse_id, Some(operation_id)),
    };
    let written = verse_id.and_then(|id| Some((id, state.cards.get(&id)?.clone())));
    let missing = || ClientError::Store(StoreError::Backend("the card just written is not there".into()));
    let (id, card) = written.ok_or_else(missing)?;
    let entry = CardWithVerse { card, verse: state.verses.get(&id).cloned() };
    Ok(match operation_id {
        Some(id) => DualWriteResult::queued(entry, id),
        None => DualWriteResult::duplicate(entry),
    })
}

/// Phases that cards enter by these operations, if each counts. A review rarely ends a phase, and then no other card matters.
fn phases_entered(run: &Run, operations: &[Operation]) -> Vec<Phase> {
    let entered = |operation: &Operation| match operation {
        Operation::RecordReview(review) => {
            run.state.cards.get(&review.verse_id).and_then(slots::phase_after_next_review)
        }
        Operation::SetPhase(set) => Some(set.phase).filter(|phase| *phase != Phase::Daily),
        _ => None,
    };
    let is_of_phases = |operation: &Operation| matches!(operation, Operation::RecordReview(_) | Operation::SetPhase(_));
    match operations {
        [one] => entered(one).into_iter().collect(),
        // What the first does may decide about the next.
        several if several.iter().any(is_of_phases) => [Phase::Weekly, Phase::Biweekly, Phase::Monthly].into(),
        _ => Vec::new(),
    }
}

fn create_operation(verse: &NewVerse) -> Operation {
    Operation::CreateVerse(CreateVerse {
        reference: verse.reference.clone(),
        translation: verse.translation.clone(),
        text: verse.text.clone(),
        occurred_at: None,
        local_date: None,
    })
}

/// One transaction in the making.
struct Run {
    owner: String,
    now: UnixMillis,
    /// By the device's clock as it is: ages are measured on that one.
    queued_at: i64,
    last_occurred_at: i64,
    zone: String,
    state: UserState,
    totals: batchsync::QueueTotals,
    /// Operations in the queue that create a verse, by verse.
    creations: LiteMap<VerseId, String>,
    /// Operations in the queue about the cards that are touched.
    waiting: Vec<String>,
    open_profile_update: Option<QueuedOperation>,
    /// Cards of the phases that cards may enter: their days are looked at before one is proposed.
    cards_of_phases: Vec<Card>,
    /// In the order of the operations, repeated as they repeat.
    touched: Vec<VerseId>,
    profile_touched: bool,
    changes: Vec<StoreChange>,
    performed: Vec<Performed>,
}

impl Run {
    fn new(owner: String, now: UnixMillis, last_occurred_at: i64, zone: String) -> Self {
        Self {
            owner,
            now,
            queued_at: now.0,
            last_occurred_at,
            zone,
            state: UserState::default(),
            totals: batchsync::QueueTotals::default(),
            creations: LiteMap::new(),
            waiting: Vec::new(),
            open_profile_update: None,
            cards_of_phases: Vec::new(),
            touched: Vec::new(),
            profile_touched: false,
            changes: Vec::new(),
            performed: Vec::new(),
        }
    }

    /// The last change of what the operation is about, as long as it is one that a server takes as it is.
    fn last_change(&self, operation: &Operation) -> Option<UnixMillis> {
        let verse = match operation {
            Operation::UpdateProfile(_) => return self.state.profile.updated_at.filter(|last| self.is_near(*last)),
            Operation::CreateVerse(create) => verses_core::verse_id_of_create(create, &self.state.profile),
            Operation::RecordReview(RecordReview { verse_id, .. })
            | Operation::ArchiveVerse(CardAction { verse_id, .. })
            | Operation::RestoreVerse(CardAction { verse_id, .. })
            | Operation::SetPhase(SetPhase { verse_id, .. }) => *verse_id,
        };
        let last = &self.state.cards.get(&verse)?.fold.last_event;
        // One that a server has taken is right, so it is this device's clock that is behind. By more than a day, only the
        // server can tell what time it is.
        let taken = !self.waiting.iter().any(|id| id == last.operation_id.as_str());
        let at = last.occurred_at;
        (self.is_near(at) || (taken && at.0 < self.now.0.saturating_add(DAY_MS))).then_some(at)
    }

    /// Whether a server would take this stamp now, by this device's clock.
    fn is_near(&self, at: UnixMillis) -> bool {
        at.0 < self.now.0.saturating_add(verses_core::MAX_FUTURE_MS)
    }

    /// Gives the operation its instant, strictly after the last one of this device and the last one about the same card
    /// or profile, its local date, and a slot.
    fn stamp(&mut self, operation: Operation) -> Operation {
        let last = self.last_change(&operation).map_or(i64::MIN, |last| last.0);
        let at = self.now.0.max(self.last_occurred_at.max(last).saturating_add(1));
        self.last_occurred_at = at;
        let occurred_at = UnixMillis(at);
        let local =
            local_date(occurred_at, &self.zone).unwrap_or_else(|_| verses_core::earliest_local_date(occurred_at));
        match operation {
            Operation::CreateVerse(create) => {
                let translation = verses_core::translation_of_create(&create, &self.state.profile);
                Operation::CreateVerse(CreateVerse {
                    translation: Some(translation),
                    occurred_at: Some(occurred_at),
                    local_date: Some(local),
                    ..create
                })
            }
            Operation::RecordReview(review) => {
                let slot = self.slot_after(review.verse_id);
                Operation::RecordReview(RecordReview { occurred_at, local_date: local, slot, ..review })
            }
            Operation::SetPhase(set) => {
                let slot = slots::propose(&self.cards_of_phases, set.verse_id, set.phase);
                Operation::SetPhase(SetPhase { occurred_at, local_date: local, slot, ..set })
            }
            Operation::ArchiveVerse(a) => Operation::ArchiveVerse(CardAction { occurred_at, local_date: local, ..a }),
            Operation::RestoreVerse(a) => Operation::RestoreVerse(CardAction { occurred_at, local_date: local, ..a }),
            Operation::UpdateProfile(update) => Operation::UpdateProfile(UpdateProfile { occurred_at, ..update }),
        }
    }

    /// The slot to propose with a review: only when it might advance the card's phase.
    fn slot_after(&self, verse_id: VerseId) -> Option<Slot> {
        let card = self.state.cards.get(&verse_id)?;
        let next = slots::phase_after_next_review(card)?;
        slots::propose(&self.cards_of_phases, verse_id, next)
    }

    /// Folds a profile update into one that waits; gives the id of that one.
    fn fold_into_open(&mut self, update: &mut UpdateProfile) -> Option<String> {
        let open = self.open_profile_update.as_ref()?;
        let Operation::UpdateProfile(earlier) = &open.data else { return None };
        update.full_name = update.full_name.take().or_else(|| earlier.full_name.clone());
        update.preferred_translation =
            update.preferred_translation.take().or_else(|| earlier.preferred_translation.clone());
        update.reference_display_mode = update.reference_display_mode.or(earlier.reference_display_mode);
        update.timezone = update.timezone.take().or_else(|| earlier.timezone.clone());
        Some(open.meta.id.clone())
    }

    fn write(
        &mut self,
        id: String,
        operation: &Operation,
        effect: &Effect,
        folded: bool,
        config: &batchsync::BatchConfig,
    ) -> Result<Performed, ClientError> {
        let bytes = verses_json::to_text(operation).len();
        let payload_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Some(verse_id) = effect.verse_id {
            self.touched.push(verse_id);
        } else {
            self.profile_touched = true;
        }
        if let Some(event) = &effect.event {
            self.changes.push(StoreChange::PutEvent { owner: self.owner.clone(), event: event.clone(), seq: None });
        }
        if folded {
            let data = Box::new(operation.clone());
            self.changes.push(StoreChange::ReplacePayload { id: id.clone(), data, payload_bytes });
        } else {
            batchsync::check_room(config, self.totals, payload_bytes)?;
            self.totals.len += 1;
            self.totals.bytes += u64::from(payload_bytes);
            let row = self.row(id.clone(), operation, effect, payload_bytes);
            self.changes.push(StoreChange::Enqueue(Box::new(NewQueuedOperation { operation: row })));
        }
        if let (Operation::CreateVerse(_), Some(verse_id)) = (operation, effect.verse_id) {
            self.creations.insert(verse_id, id.clone());
        }
        Ok(Performed::Queued { operation_id: id, verse_id: effect.verse_id })
    }

    fn row(&self, id: String, operation: &Operation, effect: &Effect, payload_bytes: u32) -> QueuedOperation {
        let depends_on = match (operation, effect.verse_id) {
            (Operation::CreateVerse(_), _) | (_, None) => None,
            (_, Some(verse_id)) => self.creations.get(&verse_id).cloned(),
        };
        let entity = effect.verse_id.map_or_else(|| PROFILE_ENTITY.to_owned(), verse_entity);
        QueuedOperation {
            meta: QueuedMeta {
                position: 0,
                id,
                kind: operation.kind().as_str().to_owned(),
                user_id: self.owner.clone(),
                entity,
                depends_on,
                payload_bytes,
                queued_at: self.queued_at,
                retry_count: 0,
                ever_sent: false,
                status: OperationStatus::Pending,
            },
            local_ref: effect.verse_id.map_or_else(|| PROFILE_ENTITY.to_owned(), |v| format!("card/{v}")),
            payload_version: PAYLOAD_VERSION,
            data: operation.clone(),
        }
    }

    /// The final state of everything touched, once.
    fn finish(&mut self) {
        if self.performed.iter().all(|p| !matches!(p, Performed::Queued { .. })) {
            self.changes.clear();
            return;
        }
        for id in &sorted(std::mem::take(&mut self.touched)) {
            if let Some(verse) = self.state.verses.get(id) {
                self.changes.push(StoreChange::PutVerse { owner: self.owner.clone(), verse: verse.clone() });
            }
            if let Some(card) = self.state.cards.get(id) {
                self.changes.push(StoreChange::PutCard { owner: self.owner.clone(), card: card.clone() });
            }
        }
        if self.profile_touched {
            self.changes
                .push(StoreChange::PutProfile { owner: self.owner.clone(), profile: self.state.profile.clone() });
        }
        let value = self.last_occurred_at.to_string();
        self.changes.push(StoreChange::PutMeta { key: meta_key::LAST_OCCURRED_AT.into(), value });
    }
}

/// The verse of an entity; `None` for the profile.
pub(crate) fn verse_of_entity(entity: &str) -> Option<VerseId> {
    entity.strip_prefix("verse/").and_then(VerseId::parse)
}

/// When an operation says it happened.
pub(crate) fn stamp_of(operation: &Operation) -> Option<UnixMillis> {
    Some(match operation {
        Operation::CreateVerse(o) => return o.occurred_at,
        Operation::RecordReview(o) => o.occurred_at,
        Operation::UpdateProfile(o) => o.occurred_at,
        Operation::ArchiveVerse(o) | Operation::RestoreVerse(o) => o.occurred_at,
        Operation::SetPhase(o) => o.occurred_at,
    })
}
