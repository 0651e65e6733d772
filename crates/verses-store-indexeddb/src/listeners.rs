//! Who is told of commits: listeners of this store, and over a channel the stores of other pages and workers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use verses_store::{Listener, Revision, Subscription};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

#[derive(Default)]
struct Listening {
    by_number: BTreeMap<u64, Rc<dyn Listener>>,
    next: u64,
}

/// The listeners of one store and its clones.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Rc<RefCell<Listening>>);

impl Listeners {
    /// Calls them with nothing borrowed: a listener may subscribe, or end its own subscription.
    pub(crate) fn tell(&self, revision: Revision) {
        let listeners: Vec<_> = self.0.borrow().by_number.values().cloned().collect();
        for listener in listeners {
            listener(revision);
        }
    }

    pub(crate) fn subscribe(&self, listener: Box<dyn Listener>) -> Subscription {
        let number = {
            let mut listening = self.0.borrow_mut();
            let number = listening.next;
            listening.next += 1;
            listening.by_number.insert(number, Rc::from(listener));
            number
        };
        let listeners = Rc::downgrade(&self.0);
        Subscription::new(move || {
            let removed = listeners.upgrade().and_then(|listening| listening.borrow_mut().by_number.remove(&number));
            // Dropped with nothing borrowed: it may hold the last handle to this store.
            drop(removed);
        })
    }
}

/// The channel between stores of one database. Nobody hears what was said on the same channel object.
pub(crate) struct Channel {
    channel: BroadcastChannel,
    _handler: Closure<dyn FnMut(MessageEvent)>,
}

impl Channel {
    /// `None` where the browser has none: then commits of other pages are seen by comparing revisions.
    pub(crate) fn open(database: &str, listeners: &Listeners) -> Option<Self> {
        let channel = BroadcastChannel::new(&format!("verses-store/{database}")).ok()?;
        let listeners = listeners.clone();
        let handler = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(revision) = event.data().as_f64().filter(|revision| *revision >= 0.0) {
                listeners.tell(Revision(revision as u64));
            }
        });
        channel.set_onmessage(Some(handler.as_ref().unchecked_ref()));
        Some(Self { channel, _handler: handler })
    }

    pub(crate) fn tell(&self, revision: Revision) {
        // The commit is done; whoever did not hear of it compares revisions.
        let _unheard = self.channel.post_message(&(revision.0 as f64).into());
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}
