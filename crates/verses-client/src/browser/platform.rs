//! The browser's clock, randomness, timers, time zones and letters.

use jiff::civil::Date;
use verses_core::UnixMillis;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::clock::LATEST_MS;
use crate::platform::Platform;

#[wasm_bindgen(module = "/js/browser.js")]
extern "C" {
    #[wasm_bindgen(js_name = sleep)]
    fn js_sleep(ms: f64) -> js_sys::Promise;
    #[wasm_bindgen(js_name = idle)]
    fn js_idle(ms: f64) -> js_sys::Promise;
    #[wasm_bindgen(js_name = wake)]
    fn js_wake();
    #[wasm_bindgen(js_name = monotonicMs)]
    fn js_monotonic_ms() -> f64;
    #[wasm_bindgen(js_name = random)]
    fn js_random() -> u64;
    #[wasm_bindgen(js_name = localDate)]
    fn js_local_date(zone: &str, ms: f64) -> Option<Vec<i32>>;
    #[wasm_bindgen(js_name = lowercase)]
    fn js_lowercase(text: &str) -> String;
    #[wasm_bindgen(js_name = timeZone)]
    fn js_time_zone() -> String;
}

/// Longest timer a browser keeps, milliseconds; a longer one would fire at once.
const MAX_TIMER_MS: u64 = i32::MAX as u64;

/// The browser.
#[derive(Debug, Clone, Copy, Default)]
pub struct Browser;

impl Browser {
    /// The browser, with its time zones and letters made known to the domain.
    #[must_use]
    pub fn new() -> Self {
        verses_core::use_local_dates(local_date);
        verses_core::use_lowercase(js_lowercase);
        Self
    }

    /// The browser's IANA time zone.
    #[must_use]
    pub fn time_zone(self) -> String {
        js_time_zone()
    }

    /// Ends every [`idle`](Platform::idle) now: there is something to do.
    pub fn wake(self) {
        js_wake();
    }
}

/// Years 1 to 9999, which have dates in every zone, milliseconds. Beyond its own range a browser throws.
const DATED_MS: std::ops::RangeInclusive<i64> = -62_135_510_400_000..=LATEST_MS;

fn local_date(at: UnixMillis, zone: &str) -> Option<Date> {
    let at = at.0.clamp(*DATED_MS.start(), *DATED_MS.end());
    let parts = js_local_date(zone, at as f64)?;
    let [year, month, day] = parts.as_slice() else { return None };
    Date::new(i16::try_from(*year).ok()?, i8::try_from(*month).ok()?, i8::try_from(*day).ok()?).ok()
}

impl Platform for Browser {
    fn now_ms(&self) -> i64 {
        js_sys::Date::now() as i64
    }

    fn monotonic_ms(&self) -> u64 {
        js_monotonic_ms() as u64
    }

    fn random(&self) -> u64 {
        js_random()
    }

    async fn sleep(&self, ms: u64) {
        // A timer does not fail.
        drop(JsFuture::from(js_sleep(ms.min(MAX_TIMER_MS) as f64)).await);
    }

    async fn idle(&self, ms: u64) {
        drop(JsFuture::from(js_idle(ms.min(MAX_TIMER_MS) as f64)).await);
    }
}
