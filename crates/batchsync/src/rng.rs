//! The engine's own small random generator. It is seeded by the caller and reads no source of randomness itself.
//!
//! It spreads retries and makes request ids. It is not for secrets.

/// SplitMix64: one word of state, equal seeds give equal sequences.
#[derive(Debug, Clone)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 1 to `limit`, both included. A limit below 1 gives 1.
    pub(crate) fn up_to(&mut self, limit: i64) -> i64 {
        let limit = limit.max(1);
        // The bias of the remainder is far below what a spread of retries could show.
        1 + (self.next_u64() % limit.unsigned_abs()).cast_signed()
    }

    /// 128 random bits written as a UUID of version 4, so that request ids fit where UUIDs are asked for.
    pub(crate) fn request_id(&mut self) -> String {
        let high = (self.next_u64() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
        let low = (self.next_u64() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn equal_seeds_give_equal_ids_and_other_seeds_others() {
        assert_eq!(Rng::new(7).request_id(), Rng::new(7).request_id());
        assert_ne!(Rng::new(7).request_id(), Rng::new(8).request_id());
    }

    #[test]
    fn a_request_id_has_the_form_of_a_version_4_uuid() {
        let id = Rng::new(1).request_id();
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn the_sequence_is_that_of_the_published_generator() {
        let mut rng = Rng::new(1_234_567);
        let published = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([rng.next_u64(), rng.next_u64(), rng.next_u64()], published);
    }

    #[test]
    fn a_request_id_keeps_all_bits_but_those_of_version_and_variant() {
        assert_eq!(Rng::new(1_234_567).request_id(), "599ed017-fb08-4c85-ac73-f08458540fa5");
        let variants: std::collections::BTreeSet<u8> =
            (0..100).map(|seed| Rng::new(seed).request_id().as_bytes()[19]).collect();
        assert_eq!(variants, b"89ab".iter().copied().collect());
    }

    #[test]
    fn numbers_stay_within_one_and_the_limit() {
        let mut rng = Rng::new(3);
        assert!((0..1_000).map(|_| rng.up_to(5)).all(|n| (1..=5).contains(&n)));
        assert_eq!(rng.up_to(0), 1);
    }
}
