//! The application behind the page: its parts, and which call does what. The calls themselves are in the modules by topic.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use verses_client::{ClientConfig, DataService, Hints, Platform, Transport};
use verses_json::{FromJson, ToJson};
use verses_store::LocalStore;

use crate::board::Board;
use crate::lead::Hint;
use crate::library::Shelf;
use crate::texts::{PieceSource, PieceTexts};
use crate::wire::{EngineError, Tell};

/// What an application is made of.
pub struct Parts<S, T, P> {
    /// The local database.
    pub store: S,
    /// The way to the server.
    pub transport: T,
    /// Time, randomness and sleep.
    pub platform: P,
    /// The device's IANA time zone.
    pub time_zone: String,
    /// Where pieces of translations come from.
    pub pieces: Box<dyn PieceSource>,
    /// Told what nobody asked for.
    pub tell: Tell,
}

impl<S, T, P> std::fmt::Debug for Parts<S, T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("time_zone", &self.time_zone).finish_non_exhaustive()
    }
}

/// The application. One for each tab; they share the store.
pub struct App<S, T, P> {
    pub(crate) service: RefCell<DataService<S, T, P>>,
    pub(crate) texts: Arc<PieceTexts>,
    pub(crate) pieces: Box<dyn PieceSource>,
    pub(crate) tell: Tell,
    pub(crate) board: Arc<Mutex<Board>>,
    /// Hints for the loop that syncs; new ones with each start of it.
    pub(crate) hints: RefCell<Hints>,
    pub(crate) shelf: RefCell<Option<Rc<Shelf>>>,
    pub(crate) settings: RefCell<String>,
}

impl<S, T, P> std::fmt::Debug for App<S, T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    /// An application over these parts, with the settings kept in the store.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn open(parts: Parts<S, T, P>) -> Result<Self, EngineError> {
        let texts = Arc::new(PieceTexts::default());
        let config = ClientConfig { time_zone: parts.time_zone, look_ms: LOOK_MS, ..ClientConfig::default() };
        let service = DataService::new(
            parts.store,
            parts.transport,
            parts.platform,
            Arc::<PieceTexts>::clone(&texts) as Arc<dyn verses_client::OfflineTexts>,
            config,
        );
        let app = Self {
            service: RefCell::new(service),
            texts,
            pieces: parts.pieces,
            tell: parts.tell,
            board: Arc::default(),
            hints: RefCell::default(),
            shelf: RefCell::default(),
            settings: RefCell::default(),
        };
        app.take_settings().await?;
        Ok(app)
    }

    /// The data service as it is now: another one after the settings were changed.
    pub(crate) fn service(&self) -> DataService<S, T, P> {
        self.service.borrow().clone()
    }

    /// Answers a call. `arguments` and the answer are JSON.
    ///
    /// # Errors
    /// What the call says; `unknown_call` and `bad_arguments` for a page that is of another release.
    pub async fn call(&self, name: &str, arguments: &str) -> Result<String, EngineError> {
        match name {
            "overview" => answer(self.overview().await),
            "due" => answer(self.due().await),
            "library" => answer(self.library(read(arguments)?).await),
            "card" => answer(self.card(read(arguments)?).await),
            "review" => answer(self.review(read(arguments)?).await),
            "score" => answer(Ok(Self::score(&read(arguments)?))),
            "archive" => answer(self.archive(read(arguments)?).await),
            "setPhase" => answer(self.set_phase(read(arguments)?).await),
            "statistics" => answer(self.statistics(read(arguments)?).await),
            "parse" => answer(self.parse(read(arguments)?).await),
            "add" => answer(self.add(read(arguments)?).await),
            "starterPacks" => answer(self.starter_packs().await),
            _ => self.call_about_sync(name, arguments).await,
        }
    }

    async fn call_about_sync(&self, name: &str, arguments: &str) -> Result<String, EngineError> {
        match name {
            "queue" => answer(self.queue(read(arguments)?).await),
            "retry" => answer(self.retry(read(arguments)?).await),
            "discard" => answer(self.discard(read(arguments)?).await),
            "supplyText" => answer(self.supply_text(read(arguments)?).await),
            "exportQueue" => answer(self.export_queue().await),
            "syncNow" => {
                self.hint(Hint::SyncNow);
                answer(Ok(()))
            }
            "syncState" => answer(self.sync_state().await),
            _ => self.call_about_account(name, arguments).await,
        }
    }

    async fn call_about_account(&self, name: &str, arguments: &str) -> Result<String, EngineError> {
        match name {
            "profile" => answer(self.profile().await),
            "updateProfile" => answer(self.update_profile(read(arguments)?).await),
            "settings" => answer(self.settings_view()),
            "updateSettings" => answer(self.update_settings(read(arguments)?).await),
            "signUp" => answer(self.sign_up(read(arguments)?).await),
            "signIn" => answer(self.sign_in(read(arguments)?).await),
            "signOut" => answer(self.sign_out(read(arguments)?).await),
            "deleteAccount" => answer(self.delete_account().await),
            "exportData" => answer(self.export_data().await),
            "importData" => answer(self.import_data(read(arguments)?).await),
            "texts" => answer(Ok(self.text_states().await)),
            "loadTexts" => answer(self.load_texts(read(arguments)?).await),
            _ => Err(EngineError::new("unknown_call", format!("the engine has no call `{name}`: reload the page"))),
        }
    }
}

/// How often the loop looks at the store by itself, milliseconds: whoever writes wakes it.
const LOOK_MS: u64 = 60_000;

fn read<A: FromJson>(arguments: &str) -> Result<A, EngineError> {
    verses_json::read(arguments.as_bytes()).map_err(|e| EngineError::new("bad_arguments", e.to_string()))
}

fn answer<A: ToJson>(result: Result<A, EngineError>) -> Result<String, EngineError> {
    Ok(verses_json::to_text(&result?))
}
