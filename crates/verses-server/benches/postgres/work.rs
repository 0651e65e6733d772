//! What the benchmarks send: a user with cards, and reviews of them.

use serde_json::json;
use uuid::Uuid;
use verses_core::UnixMillis;
use verses_protocol::{BatchOperation, BatchRequest, BatchTag, Limits};
use verses_server::service::Service;
use verses_server::storage::{Storage, UserId};
use verses_server::texts::Texts;

/// Cards of a user.
pub(crate) const CARDS: usize = 500;
const START: i64 = 1_750_000_000_000;
const DAY: i64 = 86_400_000;

pub(crate) fn user(number: u128) -> UserId {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 | number)
}

pub(crate) fn service_on<S: Storage>(storage: S) -> Service<S> {
    Service::new(storage, Texts::none(), Limits::default())
}

/// Reviews of one card after the other, a day later each time round.
pub(crate) struct Reviews {
    verses: Vec<String>,
    sent: usize,
}

impl Reviews {
    /// Adds the cards.
    pub(crate) async fn start<S: Storage>(service: &Service<S>, user: UserId) -> Self {
        let response = service.batch(user, UnixMillis(START), Self::creations()).await.expect("a batch");
        let verse = |data: &serde_json::Value| data["verse"]["id"].as_str().map(str::to_owned);
        Self::of(response.results.iter().filter_map(|result| verse(result.data.as_ref()?)).collect())
    }

    pub(crate) fn of(verses: Vec<String>) -> Self {
        assert_eq!(verses.len(), CARDS);
        Self { verses, sent: 0 }
    }

    pub(crate) fn creations() -> BatchRequest {
        let operations = (0..CARDS).map(|number| BatchOperation {
            id: format!("create-{number}"),
            kind: "create".into(),
            data: json!({"reference": format!("My text {number}"), "text": "Some words to learn by heart.",
                         "occurredAt": START, "localDate": "2025-06-15"}),
        });
        request(operations.collect())
    }

    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    pub(crate) fn next(&mut self, size: usize) -> BatchRequest {
        request((0..size).map(|_| self.one()).collect())
    }

    pub(crate) fn one(&mut self) -> BatchOperation {
        let (number, day) = (self.sent, (self.sent / CARDS) as i64 + 1);
        self.sent += 1;
        let date = jiff::civil::date(2025, 6, 15).saturating_add(jiff::Span::new().days(day));
        BatchOperation {
            id: Uuid::from_u128((1 << 100) | number as u128).to_string(),
            kind: "record_review".into(),
            data: json!({"verseId": self.verses[number % CARDS], "wasSuccessful": number % 7 != 0,
                         "occurredAt": START + day * DAY + (number % CARDS) as i64, "localDate": date.to_string(),
                         "reviewTimeSeconds": 20}),
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(START + (self.sent / CARDS) as i64 * DAY + 2 * DAY)
    }
}

fn request(operations: Vec<BatchOperation>) -> BatchRequest {
    BatchRequest { operation: BatchTag::Batch, batch_id: "bench".into(), operations, cursor: None, pull: false }
}
