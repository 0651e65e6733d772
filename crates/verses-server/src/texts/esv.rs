//! The ESV API (api.esv.org) behind a key. Its conditions: at most 500 verses or half a book, whichever is less, per
//! request and kept in store, and the short copyright notice with every text.
//!
//! Kept is therefore only a bounded cache in memory; the database never gets an ESV text, neither in the shared
//! catalogue nor in a user's history. A text that is needed again is asked for again.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use verses_protocol::TextSource;

use super::cache::{BoundedCache, limit};
use super::{PassageRequest, TextError, TextFuture, TextProvider};

/// Largest answer read, in bytes: half of the longest book stays far below.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Longest time to heed a `Retry-After`.
const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);
/// How long to pause when the API is overloaded and does not say how long.
const DEFAULT_PAUSE: Duration = Duration::from_secs(30);

/// How to reach the ESV API.
#[derive(Clone)]
pub struct EsvConfig {
    /// The operator's key.
    pub api_key: String,
    /// `https://api.esv.org`, or a stand-in.
    pub base_url: String,
    /// How long a call may take in all.
    pub timeout: Duration,
}

impl EsvConfig {
    /// The public API with a key.
    #[must_use]
    pub fn new(api_key: impl Into<String>) -> Self {
        let base_url = "https://api.esv.org".to_owned();
        Self { api_key: api_key.into(), base_url, timeout: Duration::from_secs(5) }
    }
}

impl fmt::Debug for EsvConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EsvConfig")
            .field("base_url", &self.base_url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Why a configuration does not work.
#[derive(Debug, thiserror::Error)]
pub enum EsvConfigError {
    /// The key is empty or has characters a header cannot carry.
    #[error("the ESV API key is empty or has characters no key has")]
    Key,
    /// The address.
    #[error("{0:?} is no address of an ESV API: it must begin with http:// or https://")]
    BaseUrl(String),
    /// TLS could not be set up.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A [`TextProvider`] on the ESV API.
pub struct EsvClient {
    client: Client,
    endpoint: Url,
    authorization: HeaderValue,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cache: BoundedCache,
    /// No calls before then: the API asked for it.
    paused_until: Option<Instant>,
}

#[derive(Deserialize)]
struct Answer {
    passages: Vec<String>,
}

impl fmt::Debug for EsvClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EsvClient").field("endpoint", &self.endpoint.as_str()).finish_non_exhaustive()
    }
}

impl EsvClient {
    /// A client; nothing is called yet.
    ///
    /// # Errors
    /// [`EsvConfigError`] when key or address cannot work.
    pub fn new(config: &EsvConfig) -> Result<Self, EsvConfigError> {
        let mut authorization = HeaderValue::from_str(&format!("Token {}", config.api_key.trim()))
            .ok()
            .filter(|_| !config.api_key.trim().is_empty())
            .ok_or(EsvConfigError::Key)?;
        authorization.set_sensitive(true);
        let endpoint = Url::parse(&format!("{}/v3/passage/text/", config.base_url.trim_end_matches('/')))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| EsvConfigError::BaseUrl(config.base_url.clone()))?;
        // No redirects: the key goes to nobody else.
        let client = Client::builder().timeout(config.timeout).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, endpoint, authorization, state: Mutex::default() })
    }

    async fn text(&self, passage: &PassageRequest) -> Result<String, TextError> {
        let Some(extent) = passage.extent() else {
            return Err(TextError::Unavailable(format!(
                "the ESV is given for passages of one book, and {} goes from one into another: split it, or supply the \
                 text yourself",
                passage.reference
            )));
        };
        if extent.verses > limit(&extent) {
            return Err(TextError::Unavailable(format!(
                "the publisher of the ESV gives at most {} verses of this book at once and {} has {}: split it, or \
                 supply the text yourself",
                limit(&extent),
                passage.reference,
                extent.verses
            )));
        }
        let now = Instant::now();
        {
            let mut state = self.state();
            if let Some(text) = state.cache.get(&passage.osis, now) {
                return Ok(text);
            }
            if state.paused_until.is_some_and(|until| now < until) {
                return Err(failed("the ESV API is overloaded"));
            }
        }
        let text = self.call(passage).await?;
        self.state().cache.put(&passage.osis, &extent, &text, now);
        Ok(text)
    }

    async fn call(&self, passage: &PassageRequest) -> Result<String, TextError> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("q", &passage.reference)
            .append_pair("include-passage-references", "false")
            .append_pair("include-verse-numbers", "false")
            .append_pair("include-first-verse-numbers", "false")
            .append_pair("include-footnotes", "false")
            .append_pair("include-footnote-body", "false")
            .append_pair("include-headings", "false")
            .append_pair("include-short-copyright", "true");
        let request = self.client.get(url).header(AUTHORIZATION, self.authorization.clone());
        let response = request.send().await.map_err(|error| transport(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => return Err(unknown(passage)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                tracing::warn!(status = response.status().as_u16(), "the ESV API does not accept the key");
                return Err(failed("the ESV API does not accept this server's key, which its operator must renew"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                self.state().paused_until = Some(Instant::now() + pause(&response));
                return Err(failed("the ESV API is overloaded"));
            }
            status => return Err(failed(&format!("the ESV API answered with status {}", status.as_u16()))),
        }
        let answer: Answer = serde_json::from_slice(&body(response).await?)
            .map_err(|_| failed("the ESV API answered with something that is not its JSON"))?;
        let text = answer.passages.iter().map(|text| text.trim()).collect::<Vec<_>>().join("\n");
        if text.is_empty() { Err(unknown(passage)) } else { Ok(text) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TextProvider for EsvClient {
    fn translations(&self) -> Vec<String> {
        vec!["ESV".to_owned()]
    }

    fn source(&self) -> TextSource {
        TextSource::Esv
    }

    fn may_store(&self) -> bool {
        false
    }

    fn fetch<'a>(&'a self, passage: &'a PassageRequest) -> TextFuture<'a> {
        Box::pin(self.text(passage))
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, TextError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(failed("the ESV API answered with far more than a passage"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn pause(response: &Response) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.map_or(DEFAULT_PAUSE, Duration::from_secs).min(MAX_PAUSE)
}

fn transport(error: &reqwest::Error) -> TextError {
    failed(if error.is_timeout() { "the ESV API did not answer in time" } else { "the ESV API cannot be reached" })
}

fn failed(what: &str) -> TextError {
    TextError::Failed(format!("{what}: try again later, or supply the text yourself"))
}

fn unknown(passage: &PassageRequest) -> TextError {
    TextError::Unavailable(format!(
        "the ESV has no text for {}: use another translation, or supply the text yourself",
        passage.reference
    ))
}
