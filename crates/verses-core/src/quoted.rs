//! Input repeated in a message. Debug formatting would do it as well, but the web app is compiled without it.

/// The text between quotation marks, with what cannot be seen written as an escape.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            '\0' => shown.push_str("\\0"),
            c if is_invisible(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown.push('"');
    shown
}

/// Control characters, and those that only say how others are shown.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen_stays_and_what_cannot_is_spelled_out() {
        assert_eq!(quoted("Jóhn 3:16–18"), "\"Jóhn 3:16–18\"");
        assert_eq!(quoted("a \"b\" \\"), r#""a \"b\" \\""#);
        assert_eq!(quoted("a\nb\0\u{1}\u{200b}\u{feff}"), r#""a\nb\0\u{1}\u{200b}\u{feff}""#);
    }
}
