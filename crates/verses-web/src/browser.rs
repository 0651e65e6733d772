//! The engine as JavaScript sees it. What it does is in the other modules; the worker around it is `ui/src/worker.ts`.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use js_sys::{Function, Promise};
use verses_client::{Browser, FetchTransport};
use verses_store::{LocalStore, Subscription};
use verses_store_indexeddb::IndexedDbStore;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::app::{App, Parts};
use crate::texts::{Coming, PieceSource};
use crate::wire::EngineError;

#[wasm_bindgen(module = "/js/texts.js")]
extern "C" {
    #[wasm_bindgen(js_name = piece)]
    fn js_piece(translation: &str, book: u8) -> Promise;
    #[wasm_bindgen(js_name = keep)]
    fn js_keep(translation: &str, book: u8) -> Promise;
    #[wasm_bindgen(js_name = kept)]
    fn js_kept(translation: &str) -> Promise;
}

type BrowserApp = App<IndexedDbStore, FetchTransport, Browser>;

/// What the browser keeps, else the server.
struct Kept;

impl PieceSource for Kept {
    fn piece(&self, translation: &str, book: u8) -> Coming<Option<String>> {
        let piece = js_piece(translation, book);
        Box::pin(async move { JsFuture::from(piece).await.ok()?.as_string() })
    }

    fn keep(&self, translation: &str, book: u8) -> Coming<bool> {
        let kept = js_keep(translation, book);
        Box::pin(async move { JsFuture::from(kept).await.is_ok_and(|kept| kept.is_truthy()) })
    }

    fn kept(&self, translation: &str) -> Coming<(u8, u64)> {
        let kept = js_kept(translation);
        Box::pin(async move {
            let Ok(numbers) = JsFuture::from(kept).await else { return (0, 0) };
            let numbers = js_sys::Float64Array::from(numbers);
            (numbers.get_index(0) as u8, numbers.get_index(1) as u64)
        })
    }
}

/// The engine of one tab, or of the service worker.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    app: Rc<BrowserApp>,
    _subscription: Subscription,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the store and everything over it. `tell` is called with events as JSON, `changed` with the revision after every
    /// commit of whatever tab. Rejects with an error as JSON.
    pub async fn open(database: String, origin: String, tell: Function, changed: Function) -> Result<Self, JsValue> {
        let platform = Browser::new();
        let opened = IndexedDbStore::open(&database).await.map_err(|e| rejected(&e.into()))?;
        let parts = Parts {
            store: opened.clone(),
            transport: FetchTransport::new(&origin),
            platform,
            time_zone: platform.time_zone(),
            pieces: Box::new(Kept),
            tell: Arc::new(move |event| {
                let text = verses_json::to_text(event);
                // What a listener throws is its own affair.
                drop(tell.call1(&JsValue::NULL, &text.into()));
            }),
        };
        let app = Rc::new(App::open(parts).await.map_err(|e| rejected(&e))?);
        let heard = Rc::downgrade(&app);
        let subscription = opened.subscribe(Box::new(move |revision| {
            platform.wake();
            drop(changed.call1(&JsValue::NULL, &JsValue::from_f64(revision.0 as f64)));
            if let Some(app) = heard.upgrade() {
                // What cannot be read now is read at the next change.
                spawn_local(async move { drop(app.store_changed().await) });
            }
        }));
        Ok(Self { app, _subscription: subscription })
    }

    /// Answers a call: JSON in, JSON out. Rejects with an error as JSON.
    pub fn call(&self, name: String, arguments: String) -> Promise {
        let app = Rc::clone(&self.app);
        promise(async move { app.call(&name, &arguments).await.map(Into::into).map_err(|e| rejected(&e)) })
    }

    /// Syncs for as long as this tab leads: the promise never settles.
    pub fn lead(&self) -> Promise {
        let app = Rc::clone(&self.app);
        promise(async move {
            app.lead().await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Says what happened outside, as JSON: `{"hint":"online"}`.
    ///
    /// # Errors
    /// A hint that is none.
    pub fn hint(&self, hint: &str) -> Result<(), JsValue> {
        let hint = verses_json::read(hint.as_bytes())
            .map_err(|e| rejected(&EngineError::new("bad_arguments", format!("no hint: {e}"))))?;
        self.app.hint(hint);
        Browser.wake();
        Ok(())
    }

    /// Sends and fetches once, without waiting. Gives a report as JSON.
    #[wasm_bindgen(js_name = syncOnce)]
    pub fn sync_once(&self) -> Promise {
        let app = Rc::clone(&self.app);
        promise(async move {
            let report = app.sync_once().await.map_err(|e| rejected(&e))?;
            Ok(verses_json::to_text(&report).into())
        })
    }

    /// A token for the stream of pokes; undefined when nobody is signed in or there is no way to the server.
    #[wasm_bindgen(js_name = accessToken)]
    pub fn access_token(&self) -> Promise {
        let app = Rc::clone(&self.app);
        promise(async move {
            let session = app.service().fresh_session().await;
            Ok(session.map_or(JsValue::UNDEFINED, |session| session.access_token.into()))
        })
    }
}

/// One type of future for all calls: each would be the code around it once more.
fn promise(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    let future: Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>> = Box::pin(future);
    wasm_bindgen_futures::future_to_promise(future)
}

fn rejected(error: &EngineError) -> JsValue {
    verses_json::to_text(error).into()
}
