//! The connection and its transactions. Opening, waiting for other pages, giving way to a newer release and opening again
//! is the work of `js/indexeddb.js`; steps of the layout are in `migrate`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use verses_store::{Revision, StoreError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::listeners::Listeners;
use crate::text::{Answers, Requests};
use crate::{fault, js, migrate};

/// The database of one store, open or not, and the channel to other stores of it. Closed when dropped.
pub(crate) struct Connection {
    name: String,
    js: js::Connection,
    _handlers: [Closure<dyn FnMut(JsValue)>; 2],
}

impl Connection {
    pub(crate) fn new(name: &str, listeners: &Listeners) -> Self {
        let migrate = Closure::<dyn FnMut(JsValue)>::new(|transaction: JsValue| {
            let transaction = Transaction(transaction.unchecked_into());
            spawn_local(async move {
                if let Err(error) = migrate::rows(&transaction).await {
                    // Other errors are the browser's, which knows them.
                    transaction.abort(if let StoreError::Corrupt(reason) = &error { reason } else { "" });
                }
            });
        });
        let listeners = listeners.clone();
        let heard = Closure::<dyn FnMut(JsValue)>::new(move |revision: JsValue| {
            listeners.tell(Revision(revision.as_f64().unwrap_or_default() as u64));
        });
        let js = js::connect(name, &migrate::layout(), migrate.as_ref(), heard.as_ref());
        Self { name: name.to_owned(), js, _handlers: [migrate, heard] }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Opens the database if it is not open.
    pub(crate) fn open(&self) -> Answer {
        Answer(js::open(&self.js).into())
    }

    /// Tells the stores of other pages and workers.
    pub(crate) fn tell(&self, revision: Revision) {
        js::tell(&self.js, revision.0 as f64);
    }

    /// A transaction that reads these object stores, named with commas between: all that is read is of one moment.
    pub(crate) fn reader(&self, stores: &str) -> Transaction {
        Transaction(js::begin(&self.js, stores))
    }

    /// A transaction that writes, to whatever object store.
    pub(crate) fn writer(&self) -> Transaction {
        self.reader("")
    }

    /// Asks in a transaction of its own.
    pub(crate) fn ask<T>(
        &self,
        stores: &str,
        requests: Requests,
        read: fn(Answers<'_>) -> Result<T, StoreError>,
    ) -> Question<T> {
        Question { answer: self.reader(stores).ask(requests), read }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        js::close(&self.js);
    }
}

/// One transaction. It goes on only as long as it is asked in the moment of an answer.
pub(crate) struct Transaction(js::Transaction);

impl Transaction {
    /// Issues the requests at once. The answer is to be cut by [`Answers`].
    pub(crate) fn ask(&self, requests: Requests) -> Answer {
        Answer(js::ask(&self.0, &requests.into_json(), false).into())
    }

    /// Issues the last requests, and waits until everything is on the disk.
    pub(crate) fn finish(&self, requests: Requests) -> Answer {
        Answer(js::ask(&self.0, &requests.into_json(), true).into())
    }

    /// Undoes all that was written, unless it has finished. With a reason, it is what is told of an opening.
    pub(crate) fn abort(&self, reason: &str) {
        js::abort(&self.0, reason);
    }
}

/// What several methods wait for: apart from them, so that it is compiled once.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + 'a>>;

/// An answer on its way.
pub(crate) struct Answer(JsFuture);

impl Future for Answer {
    type Output = Result<String, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.0).poll(context) {
            Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer.as_string().unwrap_or_default())),
            Poll::Ready(Err(thrown)) => Poll::Ready(Err(fault::from_js(&thrown))),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// A question of one transaction, and how its answer is read. It is asked at once; much less code than an `async fn`.
pub(crate) struct Question<T> {
    answer: Answer,
    read: fn(Answers<'_>) -> Result<T, StoreError>,
}

impl<T> Future for Question<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.answer).poll(context) {
            Poll::Ready(Ok(text)) => Poll::Ready((self.read)(Answers::of(&text))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}
