//! One transaction that writes: issuing requests, hearing of failures, and its end. What is written is decided in `write`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use js_sys::{Array, Object, Reflect};
use verses_store::StoreError;
use wasm_bindgen::prelude::*;
use web_sys::{Event, IdbObjectStore, IdbRequest, IdbTransaction};

use crate::answer::{self, Answer};
use crate::connect::Connection;
use crate::js::{Row, TransactionWithCommit};
use crate::{fault, layout};

/// Requests between two pauses: the page stays responsive, and no time is lost with waiting.
const REQUESTS_PER_PAUSE: u32 = 100;

/// A transaction over all object stores, on the disk when it has finished. It is rolled back when dropped before.
pub(crate) struct Writer {
    transaction: IdbTransaction,
    stores: RefCell<BTreeMap<&'static str, IdbObjectStore>>,
    watch: Rc<RefCell<Watch>>,
    last: RefCell<Option<IdbRequest>>,
    since_pause: RefCell<u32>,
    ended: bool,
    on_error: Closure<dyn FnMut(Event)>,
    _handlers: [Closure<dyn FnMut()>; 2],
}

/// What is hoped to be new. The request fails if it is there already.
pub(crate) enum Hope {
    /// Then the whole commit fails: the id is queued.
    Operation(String),
    /// Then the event takes the place of the one that is there.
    Event(Row),
    /// Then the row that is there stays.
    Row,
}

#[derive(Default)]
struct Watch {
    /// Set by the events `complete` and `abort`.
    outcome: Option<Result<(), StoreError>>,
    /// What made it fail; an abort names only the exception.
    cause: Option<StoreError>,
    hopes: Vec<(IdbRequest, Hope)>,
    disappointed: Vec<Row>,
    waker: Option<Waker>,
}

impl Writer {
    pub(crate) async fn begin(connection: &Rc<Connection>) -> Result<Self, StoreError> {
        let options = Object::new();
        Reflect::set(&options, &"durability".into(), &"strict".into()).map_err(|thrown| fault::from_js(&thrown))?;
        let stores: Array = layout::ALL.iter().map(|name| JsValue::from_str(name)).collect();
        let transaction = connection
            .transaction(|database| database.transaction_with_options(&stores, "readwrite", &options))
            .await?;
        let watch: Rc<RefCell<Watch>> = Rc::default();
        let on_error = hear_of_failures(&watch);
        let on_complete = hear_of_the_end(&watch, |_| Ok(()));
        let aborted = transaction.clone();
        let on_abort = hear_of_the_end(&watch, move |cause| Err(cause.unwrap_or_else(|| why_aborted(&aborted))));
        // On the way down, before the request's own handler: whoever waits for it goes on at once.
        transaction
            .add_event_listener_with_callback_and_bool("error", on_error.as_ref().unchecked_ref(), true)
            .map_err(|thrown| fault::from_js(&thrown))?;
        transaction.set_oncomplete(Some(on_complete.as_ref().unchecked_ref()));
        transaction.set_onabort(Some(on_abort.as_ref().unchecked_ref()));
        Ok(Self {
            transaction,
            stores: RefCell::default(),
            watch,
            last: RefCell::default(),
            since_pause: RefCell::default(),
            ended: false,
            on_error,
            _handlers: [on_complete, on_abort],
        })
    }

    pub(crate) fn store(&self, name: &'static str) -> Result<IdbObjectStore, StoreError> {
        if let Some(store) = self.stores.borrow().get(name) {
            return Ok(store.clone());
        }
        let store = self.transaction.object_store(name).map_err(|thrown| self.cause(&thrown))?;
        self.stores.borrow_mut().insert(name, store.clone());
        Ok(store)
    }

    /// Inserts or replaces a row that carries its key.
    pub(crate) async fn put(&self, store: &'static str, row: &Row) -> Result<(), StoreError> {
        let request = self.store(store)?.put(row);
        self.issued(request).await.map(|_| ())
    }

    /// Inserts or replaces a value beside its key.
    pub(crate) async fn put_at(&self, store: &'static str, key: &str, value: &str) -> Result<(), StoreError> {
        let request = self.store(store)?.put_with_key(&value.into(), &key.into());
        self.issued(request).await.map(|_| ())
    }

    /// Inserts or replaces a row that may collide with another one.
    pub(crate) async fn put_hoping(&self, store: &'static str, row: &Row, hope: Hope) -> Result<(), StoreError> {
        let request = self.store(store)?.put(row);
        self.hoping(request, hope).await
    }

    /// Inserts a row that may be there already.
    pub(crate) async fn add_hoping(&self, store: &'static str, row: &Row, hope: Hope) -> Result<(), StoreError> {
        let request = self.store(store)?.add(row);
        self.hoping(request, hope).await
    }

    /// Deletes what has this key or is in this range.
    pub(crate) async fn delete(&self, store: &'static str, key: &JsValue) -> Result<(), StoreError> {
        let request = self.store(store)?.delete(key);
        self.issued(request).await.map(|_| ())
    }

    /// Waits for one answer.
    pub(crate) async fn ask(&self, request: Result<IdbRequest, JsValue>) -> Result<JsValue, StoreError> {
        let request = request.map_err(|thrown| self.cause(&thrown))?;
        Answer::of(&request).await.map_err(|thrown| self.cause(&thrown))
    }

    /// Waits for the answers of many requests.
    pub(crate) async fn ask_all(&self, requests: Vec<IdbRequest>) -> Result<Vec<JsValue>, StoreError> {
        answer::answers(requests).await.map_err(|error| self.watch.borrow_mut().cause.take().unwrap_or(error))
    }

    /// Waits until everything issued so far is answered, and gives the events that found another in their place.
    pub(crate) async fn settle(&self) -> Result<Vec<Row>, StoreError> {
        self.pause().await?;
        Ok(std::mem::take(&mut self.watch.borrow_mut().disappointed))
    }

    /// Ends the transaction and waits until all of it is on the disk.
    pub(crate) async fn finish(mut self) -> Result<(), StoreError> {
        // Browsers that do not know it end the transaction when it is idle.
        let _asked = self.transaction.unchecked_ref::<TransactionWithCommit>().end_now();
        self.ended = true;
        poll_fn(|context| {
            let mut watch = self.watch.borrow_mut();
            if let Some(outcome) = watch.outcome.take() {
                return Poll::Ready(outcome);
            }
            watch.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    async fn hoping(&self, request: Result<IdbRequest, JsValue>, hope: Hope) -> Result<(), StoreError> {
        let request = request.map_err(|thrown| self.cause(&thrown))?;
        self.watch.borrow_mut().hopes.push((request.clone(), hope));
        self.issued(Ok(request)).await
    }

    async fn issued(&self, request: Result<IdbRequest, JsValue>) -> Result<(), StoreError> {
        let request = request.map_err(|thrown| self.cause(&thrown))?;
        *self.last.borrow_mut() = Some(request);
        let since_pause = self.since_pause.replace_with(|count| *count + 1);
        if since_pause + 1 >= REQUESTS_PER_PAUSE { self.pause().await } else { Ok(()) }
    }

    /// Waits for the last request, and with it for all before it.
    async fn pause(&self) -> Result<(), StoreError> {
        self.since_pause.replace(0);
        let last = self.last.borrow_mut().take();
        if let Some(last) = last {
            // Its own failure may be one that was to be expected; what counts is heard of below.
            let _answered = Answer::of(&last).await;
        }
        let mut watch = self.watch.borrow_mut();
        watch.hopes.clear();
        match watch.cause.take() {
            Some(cause) => Err(cause),
            None => Ok(()),
        }
    }

    /// Why a call failed: what failed before it knows better than the call, which only finds the transaction ended.
    fn cause(&self, thrown: &JsValue) -> StoreError {
        self.watch.borrow_mut().cause.take().unwrap_or_else(|| fault::from_js(thrown))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let on_error = self.on_error.as_ref().unchecked_ref();
        let _removed = self.transaction.remove_event_listener_with_callback_and_bool("error", on_error, true);
        self.transaction.set_oncomplete(None);
        self.transaction.set_onabort(None);
        if !self.ended {
            // It may have ended by itself, by what failed.
            let _aborted = self.transaction.abort();
        }
    }
}

/// Failures of single requests come by here; those that were to be expected end nothing.
fn hear_of_failures(watch: &Rc<RefCell<Watch>>) -> Closure<dyn FnMut(Event)> {
    let watch = watch.clone();
    Closure::new(move |event: Event| {
        let Some(request) = event.target().map(JsCast::unchecked_into::<IdbRequest>) else { return };
        let thrown: JsValue = request.error().ok().flatten().into();
        let mut watch = watch.borrow_mut();
        let collided = fault::name(&thrown) == "ConstraintError";
        let hope = watch.hopes.iter().position(|(hoping, _)| hoping == &request).filter(|_| collided);
        let cause = match hope.map(|place| watch.hopes.swap_remove(place).1) {
            Some(Hope::Row) => return event.prevent_default(),
            Some(Hope::Event(row)) => {
                watch.disappointed.push(row);
                return event.prevent_default();
            }
            Some(Hope::Operation(id)) => StoreError::DuplicateOperation(id),
            None => fault::from_js(&thrown),
        };
        watch.cause.get_or_insert(cause);
    })
}

fn hear_of_the_end(
    watch: &Rc<RefCell<Watch>>,
    outcome: impl Fn(Option<StoreError>) -> Result<(), StoreError> + 'static,
) -> Closure<dyn FnMut()> {
    let watch = watch.clone();
    Closure::new(move || {
        let waker = {
            let mut watch = watch.borrow_mut();
            let cause = watch.cause.take();
            watch.outcome = Some(outcome(cause));
            watch.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    })
}

fn why_aborted(transaction: &IdbTransaction) -> StoreError {
    match transaction.error() {
        Some(exception) => fault::from_js(&exception),
        None => StoreError::Busy("the browser ended the transaction".to_owned()),
    }
}
