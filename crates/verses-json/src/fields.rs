//! How types take their fields out of an object: functions that all of them share.

use crate::{Entry, FromJson, JsonError, Value};

/// The fields of an object, taken one after the other. The first fault is kept, and what is asked for after it is not there:
/// so a type asks for all of its fields and looks once whether they came, which is less code than to look after each.
#[derive(Debug)]
pub struct Fields<'v, 'a> {
    value: &'v Value<'a>,
    entries: &'v [Entry<'a>],
    fault: Option<JsonError>,
}

impl<'v, 'a> Fields<'v, 'a> {
    /// The fields of this value. That it is no object is the first fault.
    #[must_use]
    #[inline(never)]
    pub fn of(value: &'v Value<'a>) -> Self {
        match value {
            Value::Object(entries) => Self { value, entries, fault: None },
            _ => Self { value, entries: &[], fault: Some(JsonError::expected("an object")) },
        }
    }

    /// Reads a field. One that is absent is a fault, unless its type [may be absent](FromJson::MAY_BE_ABSENT). `None` after
    /// a fault.
    #[inline(never)]
    pub fn take<T: FromJson>(&mut self, name: &'static str) -> Option<T> {
        let found = self.find(name, !T::MAY_BE_ABSENT)?;
        match T::from_json(found.unwrap_or(&Value::Null)) {
            Ok(field) => Some(field),
            Err(fault) => self.fail(fault.within(name)),
        }
    }

    /// Reads a field that has a value of its own when it is absent. `None` after a fault.
    #[inline(never)]
    pub fn take_or<T: FromJson>(&mut self, name: &'static str, usual: T) -> Option<T> {
        match self.find(name, false)? {
            Some(_) => self.take(name),
            None => Some(usual),
        }
    }

    /// Sets `field` to the value of a field that is there.
    #[inline(never)]
    pub fn set<T: FromJson>(&mut self, name: &'static str, field: &mut T) {
        if let Some(Some(_)) = self.find(name, false)
            && let Some(value) = self.take(name)
        {
            *field = value;
        }
    }

    /// `value`, if there was no fault.
    ///
    /// # Errors
    /// The first fault.
    pub fn done<T>(self, value: T) -> Result<T, JsonError> {
        self.fault.map_or(Ok(value), Err)
    }

    /// Reads the object itself as a part of the type. `None` after a fault.
    pub fn flat<T: FromJson>(&mut self) -> Option<T> {
        if self.fault.is_some() {
            return None;
        }
        match T::from_json(self.value) {
            Ok(part) => Some(part),
            Err(fault) => self.fail(fault),
        }
    }

    /// The fault because of which something is `None`.
    #[must_use]
    #[inline(never)]
    pub fn fault(self) -> JsonError {
        self.fault.unwrap_or_else(|| JsonError::expected("another value"))
    }

    /// The field of a name, and `None` within for one that is absent. Twice the same is a mistake of whoever wrote it, as it
    /// is to serde.
    #[inline(never)]
    fn find(&mut self, name: &'static str, is_needed: bool) -> Option<Option<&'v Value<'a>>> {
        if self.fault.is_some() {
            return None;
        }
        let mut found = self.entries.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value);
        if found.next().is_some() {
            return self.fail(JsonError::twice(name));
        }
        if first.is_none() && is_needed {
            return self.fail(JsonError::missing(name));
        }
        Some(first)
    }

    #[cold]
    fn fail<T>(&mut self, fault: JsonError) -> Option<T> {
        self.fault = Some(fault);
        None
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
