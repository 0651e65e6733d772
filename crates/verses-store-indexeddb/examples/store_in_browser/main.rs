//! What the page of `e2e/browser-store` runs: the conformance cases by name, and a handle for the cases only a browser has.
#![cfg(target_arch = "wasm32")]
#![warn(missing_docs)]

pub mod handle;
mod rows;

use std::future::Future;
use std::panic;
use std::pin::Pin;

use js_sys::Reflect;
use verses_store_indexeddb::IndexedDbStore;
use wasm_bindgen::prelude::*;

type Case = fn(IndexedDbStore) -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! cases {
    ($($case:ident)*) => {
        const CASES: &[(&str, Case)] = &[
            $((stringify!($case), |store| Box::pin(verses_store::conformance::$case(store)))),*
        ];
    };
}

verses_store::for_each_conformance_case! { [cases] }

/// A panic ends the module without telling JavaScript why; its message is left where the page looks for it.
#[wasm_bindgen(start)]
pub fn start() {
    panic::set_hook(Box::new(|panic| {
        let text = JsValue::from_str(&panic.to_string());
        let _kept = Reflect::set(&js_sys::global(), &"panicMessage".into(), &text);
    }));
}

/// Names of all conformance cases.
#[wasm_bindgen]
#[must_use]
pub fn case_names() -> Vec<String> {
    CASES.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Runs one conformance case on the database named, which must not be there yet.
///
/// # Errors
/// The store's, and one that says that there is no such case.
#[wasm_bindgen]
pub async fn run_case(name: String, database: String) -> Result<(), JsError> {
    let Some((_, case)) = CASES.iter().find(|(known, _)| *known == name) else {
        return Err(JsError::new(&format!("there is no case {name}")));
    };
    let store = IndexedDbStore::open(&database).await?;
    case(store).await;
    Ok(())
}
