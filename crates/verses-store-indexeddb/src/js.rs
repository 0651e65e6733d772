//! What `js/indexeddb.js` offers. The rest of the crate sees it as [`crate::connect`] wraps it.

use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/indexeddb.js")]
extern "C" {
    pub(crate) type Connection;

    #[derive(Clone)]
    pub(crate) type Transaction;

    pub(crate) fn connect(name: &str, layout: &str, migrate: &JsValue, heard: &JsValue) -> Connection;

    pub(crate) fn open(connection: &Connection) -> Promise;

    pub(crate) fn close(connection: &Connection);

    pub(crate) fn tell(connection: &Connection, number: f64);

    pub(crate) fn begin(connection: &Connection, stores: &str) -> Transaction;

    pub(crate) fn ask(transaction: &Transaction, requests: &str, last: bool) -> Promise;

    pub(crate) fn abort(transaction: &Transaction, reason: &str);
}
