//! The opaque cursor of the feed of changes: which history, how far, and a proof of the history up to there.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use verses_protocol::MAX_CURSOR_BYTES;

use crate::storage::Chain;

const VERSION: u8 = 1;
/// Bytes of the chain digest that travel: enough that two histories do not agree by chance.
const PROOF: usize = 8;
const LENGTH: usize = 1 + 16 + 8 + PROOF;

/// A position in the history of one user on one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The history's id.
    pub(crate) epoch: Uuid,
    /// The last change seen.
    pub(crate) seq: u64,
    proof: [u8; PROOF],
}

/// The text is no cursor of this server software.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Cursor {
    pub(crate) fn new(epoch: Uuid, seq: u64, chain: &Chain) -> Self {
        let mut proof = [0; PROOF];
        proof.copy_from_slice(&chain[..PROOF]);
        Self { epoch, seq, proof }
    }

    /// Whether the history with digest `chain` at this position is the one the cursor was made from.
    pub(crate) fn proves(&self, chain: &Chain) -> bool {
        self.proof == chain[..PROOF]
    }

    pub(crate) fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(self.epoch.as_bytes());
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(&self.proof);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn decode(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_CURSOR_BYTES {
            return Err(Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Malformed)?;
        let (&[VERSION], rest) = bytes.split_first_chunk().ok_or(Malformed)? else {
            return Err(Malformed);
        };
        let (epoch, rest) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
        let (seq, rest) = rest.split_first_chunk::<8>().ok_or(Malformed)?;
        let proof = rest.try_into().map_err(|_| Malformed)?;
        Ok(Self { epoch: Uuid::from_bytes(*epoch), seq: u64::from_be_bytes(*seq), proof })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        let cursor = Cursor::new(Uuid::from_u128(7), u64::MAX, &[9; 16]);
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        assert!(cursor.proves(&[9; 16]));
        assert!(!cursor.proves(&[8; 16]));
    }

    #[test]
    fn a_text_that_is_no_cursor_is_malformed() {
        let good = Cursor::new(Uuid::from_u128(7), 3, &[9; 16]).encode();
        let other_version = URL_SAFE_NO_PAD.encode([2; LENGTH]);
        let long = "A".repeat(MAX_CURSOR_BYTES + 1);
        let longer = format!("{good}AAAA");
        for text in ["", "AQ", "not base64!", &good[1..], &good[..40], &other_version, &long, &longer] {
            assert_eq!(Cursor::decode(text), Err(Malformed), "{text}");
        }
    }
}
