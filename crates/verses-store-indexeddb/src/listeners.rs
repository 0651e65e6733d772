//! Who is told of commits in this store. The stores of other pages and workers are told by the connection.

use std::cell::RefCell;
use std::rc::Rc;

use verses_store::{Listener, Revision, Subscription};

#[derive(Default)]
struct Listening {
    /// By number, which rises.
    listeners: Vec<(u64, Rc<dyn Listener>)>,
    next: u64,
}

/// The listeners of one store and its clones.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Rc<RefCell<Listening>>);

impl Listeners {
    /// Calls them with nothing borrowed: a listener may subscribe, or end its own subscription.
    pub(crate) fn tell(&self, revision: Revision) {
        let listeners = self.0.borrow().listeners.clone();
        for (_, listener) in listeners {
            listener(revision);
        }
    }

    pub(crate) fn subscribe(&self, listener: Box<dyn Listener>) -> Subscription {
        let number = {
            let mut listening = self.0.borrow_mut();
            let number = listening.next;
            listening.next += 1;
            listening.listeners.push((number, Rc::from(listener)));
            number
        };
        let listeners = Rc::downgrade(&self.0);
        Subscription::new(move || {
            let removed = listeners.upgrade().and_then(|listening| {
                let listeners = &mut listening.borrow_mut().listeners;
                let place = listeners.iter().position(|(known, _)| *known == number)?;
                Some(listeners.remove(place))
            });
            // Dropped with nothing borrowed: it may hold the last handle to this store.
            drop(removed);
        })
    }
}
