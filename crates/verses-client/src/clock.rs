//! The offset between the server's clock and the device's: how it is measured and kept. Who reads clocks is elsewhere.

use verses_store::{StoreChange, meta_key};

/// The write that keeps a measured offset (server minus device), milliseconds.
pub(crate) fn offset_change(offset_ms: i64) -> StoreChange {
    StoreChange::PutMeta { key: meta_key::CLOCK_OFFSET_MS.into(), value: offset_ms.to_string() }
}

/// The offset from one exchange: the server's clock against the middle of the exchange on the device's.
pub(crate) fn measure(server_ms: i64, sent_at: i64, received_at: i64) -> i64 {
    server_ms.saturating_sub(sent_at.saturating_add(received_at.saturating_sub(sent_at) / 2))
}

#[cfg(test)]
mod tests {
    use super::measure;

    #[test]
    fn the_server_is_read_at_the_middle_of_the_exchange() {
        for (server, sent, received, offset) in
            [(1_000, 900, 1_100, 0), (5_000, 900, 1_100, 4_000), (100, 900, 1_100, -900)]
        {
            assert_eq!(measure(server, sent, received), offset);
        }
    }
}
