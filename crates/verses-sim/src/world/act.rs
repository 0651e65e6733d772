//! What people do on their devices, through the product's data service. One pair of hands per device: an act begins when
//! the one before has ended. What does not work is shown to the person and left.

use std::sync::Arc;

use verses_client::{ClientError, NewVerse, ProfileChange};
use verses_core::{Phase, ReferenceDisplayMode};

use super::accounts::user_name;
use super::device::Service;
use super::{Shared, World, lock};
use crate::kernel::Owner;
use crate::plan::Act;
use crate::stats::FaultKind;

const PASSWORD: &str = "a good password";

impl World {
    /// Gives a person something to do on a device.
    pub(crate) fn act(world: &Shared, device: usize, act: Act) {
        {
            let mut state = lock(&world.devices[device].state);
            state.todo.push_back(act);
            if std::mem::replace(&mut state.acting, true) {
                return;
            }
        }
        let shared = Arc::clone(world);
        world.kernel.spawn(Owner::Device(device), async move {
            loop {
                let act = {
                    let mut state = lock(&shared.devices[device].state);
                    let act = state.todo.pop_front();
                    state.acting = act.is_some();
                    act
                };
                let Some(act) = act else { return };
                shared.kernel.note(|| format!("device {device}: {act:?}"));
                if let Err(error) = Self::carry_out(&shared, device, act).await {
                    shared.kernel.note(|| format!("device {device}: the act failed: {error}"));
                    if matches!(error, ClientError::QueueFull(_)) {
                        shared.fault(FaultKind::QueueFull);
                    }
                }
            }
        });
    }

    async fn carry_out(world: &Shared, device: usize, act: Act) -> Result<(), ClientError> {
        let service = Self::service(world, device);
        match act {
            Act::Add { first, count } => add(world, &service, first, count).await,
            Act::AddOdd { which } => add_odd(world, &service, which).await,
            Act::Review { count } => {
                for _ in 0..count {
                    review(world, &service).await?;
                    world.kernel.sleep(1 + world.kernel.below(2_000)).await;
                }
                Ok(())
            }
            Act::Archive { archived } => match any_card(world, &service).await? {
                Some(verse) => service.archive(verse, archived).await.map(drop),
                None => Ok(()),
            },
            Act::SetPhase { phase } => match any_card(world, &service).await? {
                Some(verse) => {
                    let phase = [Phase::Daily, Phase::Weekly, Phase::Biweekly, Phase::Monthly][usize::from(phase) % 4];
                    service.set_phase(verse, phase).await.map(drop)
                }
                None => Ok(()),
            },
            Act::Profile { which } => service.update_profile(profile_change(world, which)).await.map(drop),
            Act::SignIn { user } => sign_in(world, device, &service, user).await,
            Act::SignOut { everywhere } => {
                service.sign_out(everywhere).await?;
                lock(&world.devices[device].state).belongs_to = None;
                Ok(())
            }
            Act::Retry => {
                let ids = failed(&service).await?;
                service.retry_failed(&ids).await.map(drop)
            }
            Act::Discard => {
                let owner = service.owner().await?;
                let rows = service.store().queued_rows(&owner).await?;
                if rows.is_empty() {
                    return Ok(());
                }
                let id = rows[world.kernel.below(rows.len() as u64) as usize].clone();
                service.discard(&[id]).await.map(drop)
            }
        }
    }
}

async fn failed(service: &Service) -> Result<Vec<String>, ClientError> {
    use verses_store::LocalStore;
    let owner = service.owner().await?;
    Ok(service.store().queue_of(&owner, true, u32::MAX).await?.into_iter().map(|row| row.meta.id).collect())
}

impl super::store::SimStore {
    async fn queued_rows(&self, owner: &str) -> Result<Vec<String>, ClientError> {
        use verses_store::LocalStore;
        Ok(self.queue_of(owner, false, u32::MAX).await?.into_iter().map(|row| row.meta.id).collect())
    }
}

/// The list of passages people choose from; devices of one user choose the same ones now and then.
fn passage(number: usize) -> String {
    const FIRST: [&str; 10] = [
        "John 3:16",
        "Psalm 23",
        "Romans 8:28",
        "Genesis 1:1",
        "1 Cor 13:4-7,13",
        "Luke 2:1",
        "Acts 1:8",
        "Jude 3",
        "Philippians 4:13",
        "Eph 2:8-9",
    ];
    FIRST.get(number).map_or_else(|| format!("Psalm 119:{}", number % 176 + 1), |text| (*text).to_owned())
}

async fn add(world: &Shared, service: &Service, first: usize, count: usize) -> Result<(), ClientError> {
    let translation = if world.kernel.chance(100) { Some("WEB".to_owned()) } else { None };
    let verses: Vec<NewVerse> = (first..first + count)
        .map(|n| NewVerse { reference: passage(n), translation: translation.clone(), text: None })
        .collect();
    service.add_verses(&verses, |_| {}).await.map(drop)
}

async fn add_odd(world: &Shared, service: &Service, which: u32) -> Result<(), ClientError> {
    let (reference, translation, text) = match which {
        0 => ("My grandmother's saying", None, Some("Do it well or do it again.")),
        // The server has no such translation: it asks for a text.
        1 => ("John 1:1", Some("XYZ"), None),
        2 => ("Hezekiah 4:1", None, None),
        3 => ("John 3:16", Some("NIV"), Some("For God so loved the world")),
        4 => ("A poem", None, Some("\u{202e}right to left \u{1F54A} and a nul-free text")),
        _ => ("Ps 119:1", None, Some("My own words for it")),
    };
    let verse =
        NewVerse { reference: reference.into(), translation: translation.map(Into::into), text: text.map(Into::into) };
    let added = service.add_verses(&[verse], |_| {}).await?;
    world.kernel.note(|| format!("an odd text: {:?}", added.first().map(|a| a.success)));
    Ok(())
}

async fn any_card(world: &Shared, service: &Service) -> Result<Option<verses_core::VerseId>, ClientError> {
    use verses_store::LocalStore;
    let owner = service.owner().await?;
    let cards = service.store().cards(&owner).await?;
    let at = world.kernel.below(cards.len() as u64) as usize;
    Ok(cards.get(at).map(|card| card.verse_id))
}

async fn review(world: &Shared, service: &Service) -> Result<(), ClientError> {
    let Some(verse) = any_card(world, service).await? else { return Ok(()) };
    let successful = world.kernel.below(5) > 0;
    service.record_review(verse, successful, Some(7)).await.map(drop)
}

fn profile_change(world: &Shared, which: u32) -> ProfileChange {
    const ZONES: [&str; 6] =
        ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"];
    let mut change = ProfileChange::default();
    match which % 4 {
        0 => {
            world.fault(FaultKind::TimeZone);
            change.timezone = Some(ZONES[which as usize / 4 % ZONES.len()].to_owned());
        }
        1 => change.reference_display_mode = Some(ReferenceDisplayMode::First),
        2 => change.preferred_translation = Some(if which > 16 { "KJV" } else { "WEB" }.to_owned()),
        _ => change.full_name = Some(format!("Name {which}")),
    }
    change
}

/// Signs in as the user of the plan; makes the account if there is none. Tries a few times: the network is bad.
pub(crate) async fn sign_in(world: &Shared, device: usize, service: &Service, user: usize) -> Result<(), ClientError> {
    let session = service.session().await?;
    let name = user_name(user);
    if session.as_ref().is_some_and(|s| s.is_usable() && s.user_id == super::accounts::user_id(user).to_string()) {
        lock(&world.devices[device].state).belongs_to = Some(user);
        return Ok(());
    }
    if session.is_some_and(|s| s.user_id != super::accounts::user_id(user).to_string()) {
        service.sign_out(false).await?;
    }
    let mut last = Ok(());
    for attempt in 0..4 {
        let mut signed_in = service.sign_in(&name, PASSWORD).await;
        if matches!(&signed_in, Err(ClientError::Refused { .. })) {
            signed_in = service.sign_up(Some(&name), Some(PASSWORD)).await;
        }
        match signed_in {
            Ok(_) => {
                lock(&world.devices[device].state).belongs_to = Some(user);
                // Limits are only an optimisation: without them the defaults are used.
                drop(service.refresh_limits().await);
                return Ok(());
            }
            Err(error) => last = Err(error),
        }
        world.kernel.sleep(2_000 << attempt).await;
    }
    last
}
