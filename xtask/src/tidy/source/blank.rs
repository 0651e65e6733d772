//! Blanking of comments and literals. Line breaks and byte positions stay as they are.

/// `text` with every comment, string and character literal replaced by spaces.
pub(super) fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut blanked = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        match opaque_end(bytes, at) {
            Some(end) => {
                blanked[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
                at = end;
            }
            None => at += 1,
        }
    }
    // Blanked ranges start and end at ASCII delimiters, so no character was cut: nothing is lost here.
    String::from_utf8_lossy(&blanked).into_owned()
}

/// Where the comment or literal that starts at `at` ends (exclusive), if one starts there.
fn opaque_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match rest[0] {
        b'/' if rest.starts_with(b"//") => Some(at + find(rest, b"\n").unwrap_or(rest.len())),
        b'/' if rest.starts_with(b"/*") => Some(at + block_comment_length(rest)),
        b'"' => Some(at + quoted_length(rest, b'"')),
        b'r' if may_prefix_literal(bytes, at) => raw_string_length(rest).map(|length| at + length),
        b'\'' if is_character(rest) => Some(at + quoted_length(rest, b'\'')),
        _ => None,
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Block comments nest.
fn block_comment_length(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// Length of a literal between two `quote`s, in which a backslash takes the next byte along.
fn quoted_length(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Length of `r"..."`, `r#"..."#` and so on; none for a raw identifier such as `r#type`.
fn raw_string_length(bytes: &[u8]) -> Option<usize> {
    let hashes = bytes[1..].iter().take_while(|&&byte| byte == b'#').count();
    let open = 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let body = &bytes[open + 1..];
    Some(find(body, &close).map_or(bytes.len(), |at| open + 1 + at + close.len()))
}

/// Whether an `r` at `at` can begin a raw string: alone, or after the `b` or `c` of `br"` and `cr"`.
fn may_prefix_literal(bytes: &[u8], at: usize) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    match bytes[..at] {
        [.., before, b'b' | b'c'] => !is_word(&before),
        [b'b' | b'c'] | [] => true,
        [.., before] => !is_word(&before),
    }
}

/// Whether a `'` opens a character and not a lifetime or label.
fn is_character(bytes: &[u8]) -> bool {
    match bytes.get(1) {
        None => false,
        Some(b'\\') => true,
        Some(first) => {
            let width = match first {
                0x00..=0x7F => 1,
                0x80..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0.. => 4,
            };
            bytes.get(1 + width) == Some(&b'\'')
        }
    }
}
