//! Waiting for requests of IndexedDB. Only what is waited for gets handlers; the rest is answered before it, in order.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use verses_store::StoreError;
use wasm_bindgen::prelude::*;
use web_sys::{IdbRequest, IdbRequestReadyState};

use crate::fault;

/// Completes when the request is answered. Dropping it leaves the request alone.
pub(crate) struct Answer {
    request: IdbRequest,
    waker: Rc<RefCell<Option<Waker>>>,
    _handler: Closure<dyn FnMut()>,
}

impl Answer {
    pub(crate) fn of(request: &IdbRequest) -> Self {
        let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
        let woken = waker.clone();
        let handler = Closure::<dyn FnMut()>::new(move || {
            // Out of the cell before it is called: it may poll at once.
            let waker = woken.borrow_mut().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        let function = handler.as_ref().unchecked_ref();
        request.set_onsuccess(Some(function));
        request.set_onerror(Some(function));
        Self { request: request.clone(), waker, _handler: handler }
    }
}

impl Future for Answer {
    /// The result, or the exception.
    type Output = Result<JsValue, JsValue>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.request.ready_state() != IdbRequestReadyState::Done {
            *self.waker.borrow_mut() = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(given(&self.request))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.request.set_onsuccess(None);
        self.request.set_onerror(None);
    }
}

/// What an answered request gave.
fn given(request: &IdbRequest) -> Result<JsValue, JsValue> {
    match request.error()? {
        Some(exception) => Err(exception.into()),
        None => request.result(),
    }
}

/// A request as the call gave it, and its answer.
pub(crate) async fn answer(request: Result<IdbRequest, JsValue>) -> Result<JsValue, StoreError> {
    let request = request.map_err(|thrown| fault::from_js(&thrown))?;
    Answer::of(&request).await.map_err(|thrown| fault::from_js(&thrown))
}

/// Answers of requests of one transaction, in their order: with the last of them all are there.
pub(crate) async fn answers(requests: Vec<IdbRequest>) -> Result<Vec<JsValue>, StoreError> {
    if let Some(last) = requests.last() {
        // Why it failed, the one that failed first knows.
        let _answered = Answer::of(last).await;
    }
    requests.iter().map(|request| given(request).map_err(|thrown| fault::from_js(&thrown))).collect()
}
