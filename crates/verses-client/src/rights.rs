//! The rights of a user over their account: all data of it from the server, and its end there and here. Signing in and out
//! is in `account`.

use serde_json::Value;
use verses_protocol::{ACCOUNT_PATH, AccountDeleted, DeleteAccount};
use verses_store::{LocalStore, StoreChange, StoreError, meta_key};

use crate::answer;
use crate::error::ClientError;
use crate::platform::Platform;
use crate::service::DataService;
use crate::transport::{Method, Transport};

/// How often the rows on this device are forgotten anew when another process writes meanwhile.
const MAX_TRIES: u32 = 50;

impl<S: LocalStore, T: Transport, P: Platform> DataService<S, T, P> {
    /// Everything the server holds about the signed-in user, as it sent it. What waits on this device is not in it.
    ///
    /// # Errors
    /// [`ClientError::SignInNeeded`]; the server's refusal; errors of network and store.
    pub async fn export_account(&self) -> Result<Value, ClientError> {
        let response = self.call(Method::Get, ACCOUNT_PATH.into(), None, None).await?;
        answer::read_any(&response)
    }

    /// Deletes the signed-in user's data on the server, for good, and the account if it lives there. Then signs out and
    /// forgets the user's rows on this device, what waits in the queue included. Nothing is forgotten here unless the
    /// server has said that it is done; if its answer was lost, the same can be asked again.
    ///
    /// # Errors
    /// As [`Self::export_account`].
    pub async fn delete_account(&self) -> Result<AccountDeleted, ClientError> {
        let owner = self.session().await?.ok_or(ClientError::SignInNeeded)?.user_id;
        let body = verses_json::to_bytes(&DeleteAccount::confirmed());
        let response = self.call(Method::Delete, ACCOUNT_PATH.into(), Some(body), Some(&owner)).await?;
        let deleted: AccountDeleted = answer::read(&response)?;
        self.forget(&owner).await?;
        Ok(deleted)
    }

    /// Signs the owner out on this device and removes all rows, at once.
    pub(crate) async fn forget(&self, owner: &str) -> Result<(), ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let mut changes = vec![
                StoreChange::ForgetOwner { owner: owner.to_owned() },
                StoreChange::DeleteMeta { key: meta_key::cursor(owner) },
            ];
            // Somebody else may have signed in here meanwhile: that session stands.
            if self.session().await?.is_some_and(|session| session.user_id == owner) {
                changes.push(StoreChange::DeleteMeta { key: meta_key::SESSION.into() });
            }
            match self.store.commit(Some(base), changes).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}
