//! The server's limits: asked for at sign-in and kept, so that the first batch is not larger than the server takes. A
//! server that lowers them later says so in its refusals.

use verses_protocol::{LIMITS_PATH, Limits};
use verses_store::{LocalStore, StoreChange, meta_key};

use crate::answer;
use crate::error::ClientError;
use crate::platform::Platform;
use crate::service::DataService;
use crate::transport::{Method, Request, Transport};

impl<S: LocalStore, T: Transport, P: Platform> DataService<S, T, P> {
    /// Asks the server what it accepts, and keeps the answer for the next [`SyncEngine`](crate::SyncEngine).
    ///
    /// # Errors
    /// Errors of the network and the store. Nothing depends on success: without limits the defaults are used.
    pub async fn refresh_limits(&self) -> Result<Limits, ClientError> {
        let request = Request { method: Method::Get, path: LIMITS_PATH.into(), bearer: None, body: None };
        let limits: Limits = answer::read(&self.transport.send(request, None).await?)?;
        let value = verses_json::to_text(&limits);
        self.store.commit(None, vec![StoreChange::PutMeta { key: meta_key::LIMITS.into(), value }]).await?;
        Ok(limits)
    }
}
