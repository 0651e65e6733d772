//! Sorted lists in place of sets. A tree for each kind of key is a lot of code, and in a browser code must be fetched first.

/// The items in order, each once.
#[must_use]
pub fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// Whether a list that [`sorted`] gave holds this text.
#[must_use]
pub fn is_among(sorted: &[String], text: &str) -> bool {
    sorted.binary_search_by(|known| known.as_str().cmp(text)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sorted_list_holds_each_item_once_and_finds_it() {
        let texts = sorted(["b", "a", "b", "c"].map(str::to_owned));
        assert_eq!(texts, ["a", "b", "c"]);
        assert!(is_among(&texts, "b"));
        assert!(!is_among(&texts, "d"));
        assert!(!is_among(&[], ""));
    }
}
