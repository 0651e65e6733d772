//! Which day a device proposes for a card: the least loaded one, so that no day of the month is crowded.

use verses_core::{Card, Phase, Slot, VerseId, least_loaded_slot, reviews_needed};

/// The slot to propose for a card in a phase; daily cards need none.
pub(crate) fn propose(cards: &[Card], verse_id: VerseId, phase: Phase) -> Option<Slot> {
    if phase == Phase::Daily {
        return None;
    }
    let others = cards.iter().filter(|c| c.verse_id != verse_id);
    Some(least_loaded_slot(others, phase))
}

/// The phase a card enters if its next review counts; `None` if it stays.
pub(crate) fn phase_after_next_review(card: &Card) -> Option<Phase> {
    let needed = reviews_needed(card.current_phase)?;
    if card.phase_progress_count.saturating_add(1) < needed {
        return None;
    }
    match card.current_phase {
        Phase::Daily => Some(Phase::Weekly),
        Phase::Weekly => Some(Phase::Biweekly),
        Phase::Biweekly => Some(Phase::Monthly),
        Phase::Monthly => None,
    }
}
