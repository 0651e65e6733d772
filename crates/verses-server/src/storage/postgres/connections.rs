//! Connections: the pool, and a connection taken from it. What is said over one is in `transaction`.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};

use super::faults::Fault;
use super::options::PostgresOptions;
use super::reach::Reach;
use super::sql;
use crate::storage::StorageError;

/// How long to wait for a free connection, and for making one.
const PATIENCE: Duration = Duration::from_secs(3);

/// The pool.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool,
    /// Whether statements are prepared once per connection.
    pub(super) prepares: bool,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("status", &self.pool.status()).finish_non_exhaustive()
    }
}

impl Connections {
    /// A pool that connects when it is needed.
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, StorageError> {
        let Reach { config, tls } = Reach::read(&options.url)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls, recycling);
        let prepares = options.prepare;
        let mut builder = Pool::builder(manager)
            .max_size(options.max_connections as usize)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE));
        if prepares {
            // Later, preparing would cost a round trip in the middle of a transaction. The login itself cannot even name
            // the tables; whether a statement may run is asked again when it does.
            // Every statement has one good plan, by its key: planning it each time would cost more than running it.
            let settings: Arc<str> = format!(
                "SET plan_cache_mode = force_generic_plan; SET search_path = ''; SET statement_timeout = {}; SET lock_timeout = {}",
                options.statement_timeout_ms, options.lock_timeout_ms
            )
            .into();
            builder = builder.post_create(Hook::async_fn(move |client, _| {
                let settings = Arc::clone(&settings);
                Box::pin(async move {
                    let prepare = async {
                        client.batch_execute(&settings).await?;
                        client.batch_execute("BEGIN READ ONLY; SET LOCAL ROLE service_role").await?;
                        let all = sql::ALL.iter().map(|(_, sql)| client.prepare_typed_cached(sql.text, sql.types));
                        futures_util::future::try_join_all(all).await?;
                        client.batch_execute("COMMIT").await
                    };
                    prepare.await.map_err(HookError::Backend)
                })
            }));
        }
        let pool = builder.build().map_err(|error| StorageError::Failed(error.to_string()))?;
        Ok(Self { pool, prepares })
    }

    /// A connection. It goes back to the pool only after [`Held::settle`].
    pub(super) async fn get(&self) -> Result<Held, Fault> {
        let client = self.pool.get().await.map_err(|error| match error {
            PoolError::PostCreateHook(HookError::Backend(error)) => Fault::from(error),
            other => Fault::from(other),
        })?;
        Ok(Held { client: Some(client), settled: false })
    }

    /// Connections open, and how many of them are idle, and who waits for one.
    pub(super) fn status(&self) -> (usize, usize, usize) {
        let status = self.pool.status();
        (status.size, status.available, status.waiting)
    }
}

/// A connection in use. One that is dropped in the middle of something is closed: the server then rolls back.
pub(super) struct Held {
    client: Option<Object>,
    settled: bool,
}

impl Held {
    pub(super) fn client(&self) -> Result<&Object, Fault> {
        self.client
            .as_ref()
            .ok_or_else(|| Fault::failed("a connection was used after it was given back; this is a bug"))
    }

    /// Nothing is under way on it any more.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !self.settled
        {
            drop(Object::take(client));
        }
    }
}
