//! What the browser offers and `web-sys` does not, and rows as JavaScript sees them. What is in which row, `rows` says.

use js_sys::{Function, Object};
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbTransaction};

#[wasm_bindgen]
extern "C" {
    /// A database whose transactions take options; `web-sys` hides these behind a compiler flag.
    #[wasm_bindgen(extends = IdbDatabase)]
    pub(crate) type DatabaseWithOptions;

    #[wasm_bindgen(method, catch, js_name = transaction)]
    pub(crate) fn transaction_with_options(
        this: &DatabaseWithOptions,
        stores: &JsValue,
        mode: &str,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;

    /// A transaction that can be told to end at once; `web-sys` calls this deprecated, which no browser does.
    #[wasm_bindgen(extends = IdbTransaction)]
    pub(crate) type TransactionWithCommit;

    #[wasm_bindgen(method, catch, js_name = commit)]
    pub(crate) fn end_now(this: &TransactionWithCommit) -> Result<(), JsValue>;

    /// The global one of pages and workers alike.
    #[wasm_bindgen(js_name = setTimeout)]
    pub(crate) fn set_timeout(call: &Function, ms: i32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    pub(crate) fn clear_timeout(timer: &JsValue);

    /// A row of any object store. Names are short because every row carries them. A property that is absent or
    /// undefined keeps the row out of the indexes that name it.
    #[wasm_bindgen(extends = Object)]
    #[derive(Debug, Clone)]
    pub(crate) type Row;

    /// JSON of all that is in no other property.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn body(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_body(this: &Row, body: &str);

    /// The row's own key within its owner: a verse's id, an operation's id.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn id(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_id(this: &Row, id: &str);

    /// Whose it is.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn owner(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_owner(this: &Row, owner: &str);

    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_created(this: &Row, at: f64);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_unverified(this: &Row, at: f64);

    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_due(this: &Row, day: f64);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_phase(this: &Row, code: u32);

    #[wasm_bindgen(method, getter)]
    pub(crate) fn verse(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_verse(this: &Row, id: &str);
    #[wasm_bindgen(method, getter)]
    pub(crate) fn at(this: &Row) -> Option<f64>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_at(this: &Row, at: f64);
    #[wasm_bindgen(method, getter)]
    pub(crate) fn seq(this: &Row) -> Option<f64>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_seq(this: &Row, seq: Option<f64>);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_unsent(this: &Row, at: Option<f64>);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_review(this: &Row, at: f64);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_day(this: &Row, day: f64);

    #[wasm_bindgen(method, getter)]
    pub(crate) fn position(this: &Row) -> Option<f64>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_position(this: &Row, position: f64);
    #[wasm_bindgen(method, getter)]
    pub(crate) fn status(this: &Row) -> Option<f64>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_status(this: &Row, code: u32);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_entity(this: &Row, entity: &str);

    /// Version of the payload in `data` or `body`.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn version(this: &Row) -> Option<f64>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_version(this: &Row, version: Option<u32>);
    /// The payload within the queue's row, as version 1 of the layout had it.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn data(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_data(this: &Row, data: Option<&str>);
}

impl Row {
    /// A row without properties.
    pub(crate) fn empty() -> Self {
        Object::new().unchecked_into()
    }
}
