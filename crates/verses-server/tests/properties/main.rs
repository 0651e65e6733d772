//! Properties of the service over generated input. The functions they call are also what the fuzz targets run.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod batches;
mod cursors;
mod requests;

use proptest::prelude::*;

/// Every committed input of a fuzz target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let inputs: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!inputs.is_empty(), "no inputs in {folder}");
    inputs
}

/// JSON as no client writes it: the text of a batch with bytes changed, left out or doubled.
fn damaged(choices: &[u8], damage: &[(usize, u8)]) -> Vec<u8> {
    let mut body = batches::from_choices(choices).into_iter().next().unwrap_or_default();
    for &(place, byte) in damage {
        if body.is_empty() {
            break;
        }
        let place = place % body.len();
        match byte {
            0..=63 => drop(body.remove(place)),
            64..=127 => body.insert(place, body[place]),
            _ => body[place] = byte & 0x7f,
        }
    }
    body
}

proptest! {
    #[test]
    fn batches_that_follow_each_other_are_answered_once(choices in prop::collection::vec(any::<u8>(), 0..160)) {
        requests::batches_are_answered_once(&choices);
    }

    #[test]
    fn a_damaged_body_is_answered_once_or_refused(
        choices in prop::collection::vec(any::<u8>(), 1..60),
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6),
    ) {
        requests::a_body_is_answered_once(&damaged(&choices, &damage));
    }

    #[test]
    fn any_text_as_a_cursor_is_our_own_or_refused(text in any::<String>()) {
        cursors::a_cursor_is_our_own_or_refused(text.as_bytes());
    }

    #[test]
    fn a_damaged_cursor_is_our_own_or_refused(
        chosen in 0u8..32,
        damage in prop::collection::vec((0u8..40, any::<u8>()), 0..4),
    ) {
        let damage = damage.into_iter().flat_map(|(place, byte)| [place, byte]);
        let input: Vec<u8> = std::iter::once(chosen).chain(damage).collect();
        cursors::a_cursor_is_our_own_or_refused(&input);
    }
}

#[test]
fn what_fuzzing_starts_from_keeps_the_properties() {
    for body in corpus("request") {
        requests::a_body_is_answered_once(&body);
    }
    for choices in corpus("batches") {
        requests::batches_are_answered_once(&choices);
    }
    for input in corpus("cursor") {
        cursors::a_cursor_is_our_own_or_refused(&input);
    }
}
