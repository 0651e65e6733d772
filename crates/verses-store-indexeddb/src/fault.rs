//! From what the browser says to what a caller must know. Messages name what the browser said and what to do next.

use std::fmt::Display;

use verses_store::StoreError;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

/// The name of an exception, empty if it has none.
pub(crate) fn name(thrown: &JsValue) -> String {
    thrown.dyn_ref::<DomException>().map(DomException::name).unwrap_or_default()
}

/// The error for the caller.
pub(crate) fn from_js(thrown: &JsValue) -> StoreError {
    let Some(exception) = thrown.dyn_ref::<DomException>() else {
        return StoreError::Backend(format!("IndexedDB: {thrown:?}"));
    };
    let (name, message) = (exception.name(), exception.message());
    let said = if message.is_empty() { name.clone() } else { format!("{name}: {message}") };
    match name.as_str() {
        "QuotaExceededError" => StoreError::Full(said),
        // The browser ended the transaction or the connection on its own account; nothing of it was written.
        "AbortError" | "InvalidStateError" | "TransactionInactiveError" | "TimeoutError" => {
            StoreError::Busy(format!("the browser ended the transaction, {said}"))
        }
        // An object store or an index that every version of the layout has.
        "NotFoundError" => corrupt("the database", said),
        _ => StoreError::Backend(format!("IndexedDB: {said}")),
    }
}

/// Something in the database that no release ever wrote; `what` names it.
pub(crate) fn corrupt(what: impl Display, reason: impl Display) -> StoreError {
    StoreError::Corrupt(format!(
        "{what}: {reason}. Clear this site's data in the browser and sign in again: what the server has comes back with \
         the next sync"
    ))
}
