//! The user's profile and its merge, field by field. Who the user is stands in the token, not here.

use serde::{Deserialize, Serialize};

use crate::{EventKey, Rejection, RejectionCode, UnixMillis, UpdateProfile, dates};

/// How a reference is shown during review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferenceDisplayMode {
    /// "John 3:16"
    #[default]
    Full,
    /// First letters only.
    First,
    /// Nothing.
    Blank,
}

/// A profile: each field carries the key of the update that set it; the last one in order wins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Full name.
    pub full_name: Merged<String>,
    /// Translation used when none is named ("KJV").
    pub preferred_translation: Merged<String>,
    /// How references are shown.
    pub reference_display_mode: Merged<ReferenceDisplayMode>,
    /// IANA name of the user's time zone ("Europe/Berlin").
    pub timezone: Merged<String>,
    /// The latest update merged.
    pub updated_at: Option<UnixMillis>,
}

/// A field and the key of the update that set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged<T> {
    /// The value, if any update set it.
    pub value: Option<T>,
    /// The update that set it.
    pub set_by: Option<EventKey>,
}

impl<T> Default for Merged<T> {
    fn default() -> Self {
        Self { value: None, set_by: None }
    }
}

/// Longest full name, in bytes.
pub const MAX_FULL_NAME_BYTES: usize = 200;
/// Longest name of a translation, in characters.
pub const MAX_TRANSLATION_CHARS: usize = 16;

impl<T: Clone> Merged<T> {
    fn set(&mut self, key: &EventKey, value: Option<&T>) {
        if let Some(value) = value
            && self.set_by.as_ref().is_none_or(|by| by < key)
        {
            self.value = Some(value.clone());
            self.set_by = Some(key.clone());
        }
    }

    fn take_later(&mut self, other: &Self) {
        if let Some(key) = &other.set_by {
            self.set(key, other.value.as_ref());
        }
    }
}

impl Profile {
    /// Merges one update, in whatever order updates arrive.
    pub fn merge(&mut self, key: &EventKey, update: &UpdateProfile) {
        self.full_name.set(key, update.full_name.as_ref());
        self.preferred_translation.set(key, update.preferred_translation.as_ref());
        self.reference_display_mode.set(key, update.reference_display_mode.as_ref());
        self.timezone.set(key, update.timezone.as_ref());
        self.updated_at = self.updated_at.max(Some(key.occurred_at));
    }

    /// Merges another profile of the same person, field by field.
    pub fn merge_profile(&mut self, other: &Self) {
        self.full_name.take_later(&other.full_name);
        self.preferred_translation.take_later(&other.preferred_translation);
        self.reference_display_mode.take_later(&other.reference_display_mode);
        self.timezone.take_later(&other.timezone);
        self.updated_at = self.updated_at.max(other.updated_at);
    }
}

/// Checks the fields of an update.
pub(crate) fn validate(update: &UpdateProfile) -> Result<UpdateProfile, Rejection> {
    let wrong = |message: String| Rejection { code: RejectionCode::ValidationFailed, message };
    if let Some(name) = &update.full_name
        && name.len() > MAX_FULL_NAME_BYTES
    {
        return Err(wrong(format!("fullName has {} bytes: shorten it to {MAX_FULL_NAME_BYTES}", name.len())));
    }
    if let Some(zone) = &update.timezone {
        dates::validate_time_zone(zone)?;
    }
    let preferred_translation = update.preferred_translation.as_deref().map(translation_name).transpose()?;
    Ok(UpdateProfile { preferred_translation, ..update.clone() })
}

/// The name of a translation as it is stored: upper case, letters, digits and hyphens.
///
/// # Errors
/// A [`Rejection`] when it is empty, too long or has other characters.
pub fn translation_name(typed: &str) -> Result<String, Rejection> {
    let name = typed.trim().to_ascii_uppercase();
    let good = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if name.is_empty() || name.len() > MAX_TRANSLATION_CHARS || !good {
        let message =
            format!("translation {typed:?} is no name of a translation: use letters, digits and hyphens, e.g. KJV");
        return Err(Rejection { code: RejectionCode::ValidationFailed, message });
    }
    Ok(name)
}
