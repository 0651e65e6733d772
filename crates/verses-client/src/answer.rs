//! Reading an answer: is it the server's at all, is it a success, what does it say. Pure.

use verses_json::{FromJson, Value};

use crate::error::ClientError;
use crate::transport::Response;

/// Whether the body claims to be JSON. A captive portal or a proxy answers HTML.
#[must_use]
pub(crate) fn is_json(response: &Response) -> bool {
    let kind = response.content_type.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || kind.ends_with("+json")
}

/// Reads a success as `T`, anything else as the error it is.
///
/// # Errors
/// [`ClientError::NotTheServer`] if it is no JSON of the expected shape, [`ClientError::Server`] for an error status.
pub(crate) fn read<T: FromJson>(response: &Response) -> Result<T, ClientError> {
    verses_json::read(body(response)?).map_err(|e| not_ours(&e))
}

/// Reads a success of any shape.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_any(response: &Response) -> Result<serde_json::Value, ClientError> {
    serde_json::from_slice(body(response)?).map_err(|e| not_ours(&e))
}

fn not_ours(error: &dyn std::error::Error) -> ClientError {
    ClientError::NotTheServer { what: format!("something whose JSON is not ours ({error})") }
}

/// The JSON of a success.
fn body(response: &Response) -> Result<&[u8], ClientError> {
    if !(200..300).contains(&response.status) {
        return Err(error_of(response));
    }
    if !is_json(response) {
        return Err(not_the_server(response));
    }
    Ok(&response.body)
}

/// The error an answer with an error status stands for.
pub(crate) fn error_of(response: &Response) -> ClientError {
    let Some((code, message)) = code_and_message(response) else {
        return not_the_server(response);
    };
    ClientError::Server { status: response.status, code, message }
}

/// Code and text of an error body: problem details, or the form of the auth calls.
pub(crate) fn code_and_message(response: &Response) -> Option<(String, String)> {
    if !is_json(response) {
        return None;
    }
    let body = verses_json::parse(&response.body).ok()?;
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| body.get(name).and_then(Value::as_text));
        found.map(str::to_owned)
    };
    let message = text(&["detail", "error", "message", "msg"]).unwrap_or_else(|| format!("status {}", response.status));
    let code = text(&["code", "error_code"]).unwrap_or_else(|| "unknown".to_owned());
    Some((code, message))
}

fn not_the_server(response: &Response) -> ClientError {
    let start = &response.body[..response.body.len().min(512)];
    let holds =
        |text: &[u8], word: &str| text.windows(word.len()).any(|some| some.eq_ignore_ascii_case(word.as_bytes()));
    let is_page = holds(response.content_type.as_bytes(), "html") || holds(start, "<html") || holds(start, "<!doctype");
    let what = if is_page {
        format!("a web page (status {})", response.status)
    } else {
        format!("something that is no JSON (status {})", response.status)
    };
    ClientError::NotTheServer { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str, body: &str) -> Response {
        Response { status, content_type: content_type.into(), body: body.into(), ..Response::default() }
    }

    #[test]
    fn a_web_page_is_not_the_server_whatever_its_status() {
        for status in [200, 302, 403, 502] {
            let error = read::<String>(&answer(status, "text/html", "<html>Sign in</html>")).unwrap_err();
            assert!(matches!(&error, ClientError::NotTheServer { what } if what.contains("web page")), "{error}");
            assert!(error.is_offline() && error.is_retryable());
        }
    }

    #[test]
    fn json_that_is_not_ours_is_not_the_server() {
        let error = read::<Vec<u8>>(&answer(200, "application/json", "{\"a\":1}")).unwrap_err();
        assert!(matches!(error, ClientError::NotTheServer { .. }));
    }

    #[test]
    fn errors_of_both_forms_keep_code_and_text() {
        let problem =
            answer(429, "application/problem+json", r#"{"code":"rate_limited","detail":"Slow down","error":"x"}"#);
        let auth =
            answer(400, "application/json", r#"{"code":"invalid_credentials","message":"Invalid login credentials"}"#);
        for (response, code, text) in
            [(problem, "rate_limited", "Slow down"), (auth, "invalid_credentials", "Invalid login")]
        {
            let ClientError::Server { code: got, message, .. } = error_of(&response) else { panic!("wrong class") };
            assert_eq!(got, code);
            assert!(message.contains(text));
        }
    }
}
