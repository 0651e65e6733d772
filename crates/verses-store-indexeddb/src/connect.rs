//! The connection: opening, waiting for other pages, giving way to a newer release, opening again. Steps of the layout are
//! in `migrate`.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use js_sys::Reflect;
use verses_store::StoreError;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{IdbDatabase, IdbFactory, IdbOpenDbRequest, IdbTransaction, IdbVersionChangeEvent};

use crate::answer::Answer;
use crate::fault;
use crate::js::DatabaseWithOptions;
use crate::layout::SCHEMA_VERSION;
use crate::migrate;
use crate::timer::Timer;

/// How long others may keep a database from being opened.
const OPEN_LIMIT_MS: i32 = 5_000;

/// The database of one store, open or not.
pub(crate) struct Connection {
    name: String,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    open: Option<Rc<OpenDatabase>>,
    /// An opening goes on when nobody waits for it any more: only it can bring the layout up to date once others let go.
    opening: Option<Rc<Opening>>,
}

/// An open database, closed when dropped.
struct OpenDatabase {
    database: IdbDatabase,
    _handlers: [Closure<dyn FnMut()>; 2],
}

impl Drop for OpenDatabase {
    fn drop(&mut self) {
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
        self.database.close();
    }
}

/// An attempt to open, for all who wait for it.
#[derive(Default)]
struct Opening {
    upgrading: Cell<bool>,
    blocked: Cell<bool>,
    outcome: RefCell<Option<Result<Rc<OpenDatabase>, StoreError>>>,
    wakers: RefCell<Vec<Waker>>,
}

impl Connection {
    pub(crate) fn new(name: &str) -> Rc<Self> {
        Rc::new(Self { name: name.to_owned(), state: RefCell::default() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Opens the database if it is not open.
    pub(crate) async fn open(self: &Rc<Self>) -> Result<(), StoreError> {
        self.database().await.map(|_| ())
    }

    /// Begins a transaction, on a new connection if the browser or another page closed the one there was.
    pub(crate) async fn transaction(
        self: &Rc<Self>,
        begin: impl Fn(&DatabaseWithOptions) -> Result<IdbTransaction, JsValue>,
    ) -> Result<IdbTransaction, StoreError> {
        let open = self.database().await?;
        match begin(open.database.unchecked_ref()) {
            Err(thrown) if fault::name(&thrown) == "InvalidStateError" => {
                self.forget(&open.database);
                drop(open);
                let open = self.database().await?;
                begin(open.database.unchecked_ref()).map_err(|thrown| fault::from_js(&thrown))
            }
            other => other.map_err(|thrown| fault::from_js(&thrown)),
        }
    }

    /// Drops the connection if it is this one; a later call opens another.
    fn forget(&self, database: &IdbDatabase) {
        let mut state = self.state.borrow_mut();
        let this = state.open.as_ref().is_some_and(|open| JsValue::from(&open.database) == JsValue::from(database));
        let forgotten = if this { state.open.take() } else { None };
        drop(state);
        drop(forgotten);
    }

    async fn database(self: &Rc<Self>) -> Result<Rc<OpenDatabase>, StoreError> {
        if let Some(open) = self.state.borrow().open.clone() {
            return Ok(open);
        }
        let opening = self.opening();
        let mut limit = pin!(Timer::after_ms(OPEN_LIMIT_MS));
        poll_fn(|context| {
            if let Some(outcome) = opening.outcome.borrow().clone() {
                return Poll::Ready(outcome);
            }
            // Bringing a large database up to date takes its time.
            if limit.as_mut().poll(context).is_ready() && !opening.upgrading.get() {
                return Poll::Ready(Err(held(opening.blocked.get())));
            }
            opening.wakers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The attempt under way, or a new one.
    fn opening(self: &Rc<Self>) -> Rc<Opening> {
        let mut state = self.state.borrow_mut();
        if let Some(opening) = &state.opening {
            return opening.clone();
        }
        let opening = Rc::new(Opening::default());
        state.opening = Some(opening.clone());
        drop(state);
        let (connection, attempt) = (self.clone(), opening.clone());
        spawn_local(async move {
            let outcome = open_database(&connection, &attempt).await;
            let mut state = connection.state.borrow_mut();
            state.opening = None;
            state.open = outcome.as_ref().ok().cloned();
            drop(state);
            *attempt.outcome.borrow_mut() = Some(outcome);
            let wakers = std::mem::take(&mut *attempt.wakers.borrow_mut());
            wakers.into_iter().for_each(Waker::wake);
        });
        opening
    }
}

fn held(blocked: bool) -> StoreError {
    let whom = if blocked {
        "an older version of Verses is open in another tab"
    } else {
        "the browser or another tab keeps the database to itself"
    };
    StoreError::Busy(format!("{whom}: close the other tabs of this site"))
}

/// The one way to the database of pages, workers and service workers.
fn factory() -> Result<IdbFactory, StoreError> {
    let found = Reflect::get(&js_sys::global(), &"indexedDB".into()).map_err(|thrown| fault::from_js(&thrown))?;
    if found.is_object() {
        return Ok(found.unchecked_into());
    }
    let reason = "this browser has no IndexedDB, or keeps it from this page (private window?)";
    Err(StoreError::Backend(reason.to_owned()))
}

async fn open_database(connection: &Rc<Connection>, attempt: &Rc<Opening>) -> Result<Rc<OpenDatabase>, StoreError> {
    let factory = factory()?;
    let request = factory.open_with_u32(&connection.name, SCHEMA_VERSION).map_err(|thrown| fault::from_js(&thrown))?;
    let failed: Rc<RefCell<Option<StoreError>>> = Rc::default();
    let upgrade = on_upgrade(&request, attempt, &failed);
    let noted = attempt.clone();
    let blocked = Closure::<dyn FnMut()>::new(move || noted.blocked.set(true));
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    request.set_onblocked(Some(blocked.as_ref().unchecked_ref()));
    let answered = Answer::of(&request).await;
    request.set_onupgradeneeded(None);
    request.set_onblocked(None);
    let database = match answered {
        Ok(database) => database.unchecked_into::<IdbDatabase>(),
        Err(thrown) if fault::name(&thrown) == "VersionError" => return Err(newer_schema(&factory, connection).await),
        Err(thrown) => {
            let reason = failed.borrow_mut().take();
            return Err(reason.unwrap_or_else(|| fault::from_js(&thrown)));
        }
    };
    Ok(Rc::new(watch(database, &Rc::downgrade(connection))))
}

/// Runs the steps in the moment in which the browser offers the upgrade: a microtask of its event is soon enough.
fn on_upgrade(
    request: &IdbOpenDbRequest,
    attempt: &Rc<Opening>,
    failed: &Rc<RefCell<Option<StoreError>>>,
) -> Closure<dyn FnMut(IdbVersionChangeEvent)> {
    let (request, attempt, failed) = (request.clone(), attempt.clone(), failed.clone());
    Closure::new(move |event: IdbVersionChangeEvent| {
        attempt.upgrading.set(true);
        let database = request.result().map(JsCast::unchecked_into::<IdbDatabase>);
        let (Ok(database), Some(transaction)) = (database, request.transaction()) else { return };
        let failed = failed.clone();
        spawn_local(async move {
            if let Err(error) = migrate::to_present(&database, &transaction, event.old_version() as u32).await {
                failed.borrow_mut().get_or_insert(error);
                // It may have been aborted already, by what failed.
                let _aborted = transaction.abort();
            }
        });
    })
}

/// Gives way to whoever needs a newer layout or deletes the database, and notices when the browser closes it.
fn watch(database: IdbDatabase, connection: &Weak<Connection>) -> OpenDatabase {
    let forget = |database: &IdbDatabase| {
        let (database, connection) = (database.clone(), connection.clone());
        move || {
            database.close();
            if let Some(connection) = connection.upgrade() {
                connection.forget(&database);
            }
        }
    };
    // A handler may drop the connection and with it itself: that waits until it has returned.
    let handlers = [Closure::new(forget(&database)), Closure::new(forget(&database))];
    database.set_onversionchange(Some(handlers[0].as_ref().unchecked_ref()));
    database.set_onclose(Some(handlers[1].as_ref().unchecked_ref()));
    OpenDatabase { database, _handlers: handlers }
}

/// What the later release calls its schema.
async fn newer_schema(factory: &IdbFactory, connection: &Connection) -> StoreError {
    let opened = match factory.open(&connection.name) {
        Ok(request) => {
            // Deleted meanwhile: do not leave an empty one behind.
            let made = request.clone();
            let undo = Closure::<dyn FnMut()>::new(move || {
                let _undone = made.transaction().map(|transaction| transaction.abort());
            });
            request.set_onupgradeneeded(Some(undo.as_ref().unchecked_ref()));
            let opened = Answer::of(&request).await;
            request.set_onupgradeneeded(None);
            opened
        }
        Err(thrown) => Err(thrown),
    };
    match opened {
        Ok(database) => {
            let database: IdbDatabase = database.unchecked_into();
            let found = database.version() as u32;
            database.close();
            StoreError::NewerSchema { found, known: SCHEMA_VERSION }
        }
        Err(thrown) => fault::from_js(&thrown),
    }
}
