//! From what the browser says to what a caller must know. Messages name what the browser said and what to do next.

use verses_store::StoreError;
use wasm_bindgen::JsValue;

use crate::layout::SCHEMA_VERSION;

/// The error for the caller. `js/indexeddb.js` throws the exception's name and message, on two lines.
pub(crate) fn from_js(thrown: &JsValue) -> StoreError {
    let thrown = thrown.as_string().unwrap_or_default();
    let (name, message) = thrown.split_once('\n').unwrap_or((&thrown, ""));
    let said = if message.is_empty() { name.to_owned() } else { [name, ": ", message].concat() };
    match name {
        "QuotaExceededError" => StoreError::Full(said),
        // The browser ended the transaction or the connection on its own account; nothing of it was written.
        "AbortError" | "InvalidStateError" | "TransactionInactiveError" | "TimeoutError" => {
            StoreError::Busy(["the browser ended the transaction, ", &said].concat())
        }
        // An object store or an index that every version of the layout has.
        "NotFoundError" => corrupt("the database", &said),
        // The names that follow are the module's own.
        "Corrupt" => StoreError::Corrupt(message.to_owned()),
        "Blocked" => held("an older version of Verses is open in another tab"),
        "Held" => held("the browser or another tab keeps the database to itself"),
        "VersionError" => StoreError::NewerSchema { found: message.parse().unwrap_or_default(), known: SCHEMA_VERSION },
        "Missing" => backend("this browser has no IndexedDB, or keeps it from this page (private window?)"),
        _ => backend(&["IndexedDB: ", &said].concat()),
    }
}

/// Something in the database that no release ever wrote; `what` names it.
#[inline(never)]
pub(crate) fn corrupt(what: &str, reason: &str) -> StoreError {
    let advice = ". Clear this site's data in the browser and sign in again: what the server has comes back with the next \
                  sync";
    StoreError::Corrupt([what, ": ", reason, advice].concat())
}

pub(crate) fn backend(said: &str) -> StoreError {
    StoreError::Backend(said.to_owned())
}

fn held(whom: &str) -> StoreError {
    StoreError::Busy([whom, ": close the other tabs of this site"].concat())
}
