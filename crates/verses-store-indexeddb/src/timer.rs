//! A time limit. Pages and workers have the same timer.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::*;

use crate::js;

#[derive(Default)]
struct Shared {
    over: bool,
    waker: Option<Waker>,
}

/// Completes when the time is over.
pub(crate) struct Timer {
    shared: Rc<RefCell<Shared>>,
    number: JsValue,
    _handler: Closure<dyn FnMut()>,
}

impl Timer {
    pub(crate) fn after_ms(ms: i32) -> Self {
        let shared: Rc<RefCell<Shared>> = Rc::default();
        let fired = shared.clone();
        let handler = Closure::<dyn FnMut()>::new(move || {
            let waker = {
                let mut shared = fired.borrow_mut();
                shared.over = true;
                shared.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        let number = js::set_timeout(handler.as_ref().unchecked_ref(), ms);
        Self { shared, number, _handler: handler }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.shared.borrow_mut();
        if shared.over {
            return Poll::Ready(());
        }
        shared.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        js::clear_timeout(&self.number);
    }
}
