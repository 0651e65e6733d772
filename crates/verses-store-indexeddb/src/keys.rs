//! Keys and ranges of keys. Arrays sort after all numbers and texts, so `[owner, []]` stands behind every key of an owner.

use js_sys::Array;
use verses_store::StoreError;
use wasm_bindgen::JsValue;
use web_sys::IdbKeyRange;

use crate::fault;

/// A compound key.
pub(crate) fn key<const N: usize>(parts: [JsValue; N]) -> JsValue {
    parts.into_iter().collect::<Array>().into()
}

/// Every key that begins with these parts and goes on.
pub(crate) fn starting_with<const N: usize>(parts: [JsValue; N]) -> Result<JsValue, StoreError> {
    let lower: Array = parts.iter().cloned().collect();
    let upper: Array = parts.into_iter().collect();
    upper.push(&Array::new());
    range(IdbKeyRange::bound(&lower, &upper))
}

/// Every key that begins with these parts and goes on with no more than `last`, itself included with all behind it.
pub(crate) fn up_to<const N: usize>(parts: [JsValue; N], last: &JsValue) -> Result<JsValue, StoreError> {
    let lower: Array = parts.iter().cloned().collect();
    let upper: Array = parts.into_iter().collect();
    upper.push(last);
    upper.push(&Array::new());
    range(IdbKeyRange::bound(&lower, &upper))
}

/// The keys of `starting_with` that come after `last`.
pub(crate) fn starting_with_after<const N: usize>(parts: [JsValue; N], last: &JsValue) -> Result<JsValue, StoreError> {
    let upper: Array = parts.into_iter().collect();
    upper.push(&Array::new());
    range(IdbKeyRange::bound_with_lower_open(last, &upper, true))
}

/// Every key after `last`.
pub(crate) fn after(last: f64) -> Result<JsValue, StoreError> {
    range(IdbKeyRange::lower_bound_with_open(&last.into(), true))
}

/// Every key from `first` on.
pub(crate) fn from(first: f64) -> Result<JsValue, StoreError> {
    range(IdbKeyRange::lower_bound(&first.into()))
}

fn range(range: Result<IdbKeyRange, JsValue>) -> Result<JsValue, StoreError> {
    range.map(Into::into).map_err(|thrown| fault::from_js(&thrown))
}
