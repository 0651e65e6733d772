//! What a user looks like to clients, and what they may say of themselves. Pure.

use serde_json::{Map, Value, json};

use super::error::AuthError;
use super::store::AuthUserRow;

/// Longest e-mail address, in bytes.
const MAX_EMAIL_BYTES: usize = 254;
/// Largest user metadata, in bytes.
const MAX_METADATA_BYTES: usize = 8 * 1024;

/// An e-mail address as it is kept: without space around it, in lower case.
pub(super) fn email_address(typed: &str) -> Result<String, AuthError> {
    let email = typed.trim().to_lowercase();
    let good = email.split_once('@').is_some_and(|(name, host)| {
        let plain =
            |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
        plain(name) && plain(host) && !host.starts_with('.') && !host.ends_with('.')
    });
    if good && email.len() <= MAX_EMAIL_BYTES {
        Ok(email)
    } else {
        Err(AuthError::Validation("Unable to validate email address: invalid format".into()))
    }
}

/// What a user says of themself: an object, empty if nothing was said.
pub(super) fn metadata_object(data: Option<Value>) -> Result<Value, AuthError> {
    match data {
        None | Some(Value::Null) => Ok(json!({})),
        Some(data @ Value::Object(_)) if data.to_string().len() <= MAX_METADATA_BYTES => Ok(data),
        Some(Value::Object(_)) => {
            Err(AuthError::Validation(format!("user metadata has more than {MAX_METADATA_BYTES} bytes")))
        }
        Some(_) => Err(AuthError::Validation("data must be a JSON object".into())),
    }
}

/// Merges a change into metadata: null takes a key away.
pub(super) fn merge_metadata(metadata: &mut Value, change: &Value) -> Result<(), AuthError> {
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    if let (Value::Object(all), Value::Object(change)) = (&mut *metadata, change) {
        for (key, value) in change {
            if value.is_null() {
                all.remove(key);
            } else {
                all.insert(key.clone(), value.clone());
            }
        }
    }
    if metadata.to_string().len() > MAX_METADATA_BYTES {
        return Err(AuthError::Validation(format!("user metadata has more than {MAX_METADATA_BYTES} bytes")));
    }
    Ok(())
}

fn time(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| t.to_string())
}

/// The user as Supabase's clients read it. Optional times are left out, not null.
pub(super) fn user_json(user: &AuthUserRow) -> Value {
    let created = time(user.created_at);
    let email = user.email.clone().unwrap_or_default();
    let mut json = json!({
        "id": user.id, "aud": "authenticated", "role": "authenticated", "email": email, "phone": "",
        "app_metadata": user.app_metadata(), "user_metadata": user.metadata, "identities": [],
        "created_at": created, "updated_at": time(user.updated_at), "is_anonymous": user.is_anonymous,
    });
    let signed_in = user.last_sign_in_at.map(time);
    if let Some(at) = &signed_in {
        json["last_sign_in_at"] = at.as_str().into();
    }
    if !user.is_anonymous {
        json["email_confirmed_at"] = created.as_str().into();
        json["confirmed_at"] = created.as_str().into();
        json["identities"] = json!([{
            "identity_id": user.id, "id": user.id, "user_id": user.id, "provider": "email", "email": email,
            "identity_data": { "email": email, "email_verified": true, "phone_verified": false, "sub": user.id },
            "last_sign_in_at": signed_in.unwrap_or_else(|| created.clone()), "created_at": created, "updated_at": created,
        }]);
    }
    json
}
