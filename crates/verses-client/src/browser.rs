//! The client in a browser: window, worker and service worker alike. What JavaScript must do is in `js/browser.js`.

mod fetch;
mod platform;

pub use fetch::FetchTransport;
pub use platform::Browser;
