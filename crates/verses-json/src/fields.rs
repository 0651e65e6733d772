//! How types take their fields out of an object: functions that all of them share.

use crate::{Entry, FromJson, JsonError, Value};

/// The field of a name. Twice the same is a mistake of whoever wrote it, as it is to serde.
#[inline(never)]
fn find<'v, 'a>(object: &'v [Entry<'a>], name: &'static str) -> Result<Option<&'v Value<'a>>, JsonError> {
    let mut found = None;
    for (known, value) in object {
        if known == name {
            if found.is_some() {
                return Err(JsonError::twice(name));
            }
            found = Some(value);
        }
    }
    Ok(found)
}

/// Reads a field. One that is absent is what the type says it is then, see [`FromJson::absent`].
///
/// # Errors
/// [`JsonError`] naming the field.
#[inline(never)]
pub fn field<T: FromJson>(object: &[Entry<'_>], name: &'static str) -> Result<T, JsonError> {
    match find(object, name)? {
        Some(value) => T::from_json(value).map_err(|error| error.within(name)),
        None => T::absent().ok_or_else(|| JsonError::missing(name)),
    }
}

/// Reads a field that has a value of its own when it is absent.
///
/// # Errors
/// As [`field`].
#[inline(never)]
pub fn field_or<T: FromJson>(object: &[Entry<'_>], name: &'static str, usual: T) -> Result<T, JsonError> {
    match find(object, name)? {
        Some(value) => T::from_json(value).map_err(|error| error.within(name)),
        None => Ok(usual),
    }
}

/// Which of these names a text is.
///
/// # Errors
/// [`JsonError`] for anything else.
#[inline(never)]
pub fn pick(value: &Value<'_>, names: &[&str]) -> Result<usize, JsonError> {
    let text = value.text()?;
    names.iter().position(|name| *name == text).ok_or_else(|| JsonError::expected("one of the known names"))
}
