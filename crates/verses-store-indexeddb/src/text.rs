//! Texts that travel between here and `js/indexeddb.js`: requests as JSON on the way there, answers as columns on the way
//! back. What a request asks for, and what is in a row, others say.

/// What ends an answer, a row, a field, as the module has it.
const END_OF_ANSWER: char = '\x1d';
const END_OF_ROW: char = '\x1e';
const END_OF_FIELD: char = '\x1f';
/// Stands before a character of a field that would be taken for one of these.
const ESCAPE: char = '\x1b';
const SHIFT: u8 = 0x40;

/// What a row is answered with, in this order. [`Row`] has them as fields.
pub(crate) const COLUMNS: &str = r#"["body","id","owner","position","seq","version","data","verse","at"]"#;

/// A row as it was answered; what it does not have is empty. Keys of others are not among them: nobody asks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Row<'a> {
    /// JSON of all that is in no other property.
    pub(crate) body: &'a str,
    pub(crate) id: &'a str,
    pub(crate) owner: &'a str,
    pub(crate) position: &'a str,
    pub(crate) seq: &'a str,
    /// Version of the payload in `data` or `body`.
    pub(crate) version: &'a str,
    /// The payload within the queue's row, as version 1 of the layout had it.
    pub(crate) data: &'a str,
    pub(crate) verse: &'a str,
    pub(crate) at: &'a str,
}

/// Answers to the requests of one text, in their order.
pub(crate) struct Answers<'a>(&'a str);

/// Rows of one answer, and of those that follow.
pub(crate) struct Rows<'a> {
    answer: &'a str,
    answers: Answers<'a>,
}

impl<'a> Answers<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// The next answer: a number, a key as JSON, or rows. Empty if nothing was found.
    pub(crate) fn next(&mut self) -> &'a str {
        cut(&mut self.0, END_OF_ANSWER).unwrap_or_default()
    }

    /// Whether there are no more.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next answer as a number.
    pub(crate) fn count(&mut self) -> u64 {
        number(self.next()).unwrap_or_default()
    }

    /// The next answer as rows.
    pub(crate) fn rows(&mut self) -> Rows<'a> {
        Rows { answer: self.next(), answers: Self("") }
    }

    /// The first row of the next answer.
    pub(crate) fn row(&mut self) -> Option<Row<'a>> {
        self.rows().next()
    }

    /// The rows of all answers that are left.
    pub(crate) fn all_rows(mut self) -> Rows<'a> {
        Rows { answer: self.next(), answers: self }
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        while self.answer.is_empty() {
            if self.answers.is_over() {
                return None;
            }
            self.answer = self.answers.next();
        }
        let mut fields = cut(&mut self.answer, END_OF_ROW)?;
        let mut field = || cut(&mut fields, END_OF_FIELD).unwrap_or_default();
        let (body, id, owner, position) = (field(), field(), field(), field());
        let (seq, version, data) = (field(), field(), field());
        Some(Row { body, id, owner, position, seq, version, data, verse: field(), at: field() })
    }
}

#[inline(never)]
fn cut<'a>(rest: &mut &'a str, end: char) -> Option<&'a str> {
    let (head, tail) = rest.split_once(end)?;
    *rest = tail;
    Some(head)
}

/// A whole number; `None` if the field is empty or something else.
pub(crate) fn number(field: &str) -> Option<u64> {
    field.parse().ok()
}

/// A field as it was before it travelled.
pub(crate) fn plain(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut escaped = false;
    for character in field.chars() {
        match character {
            ESCAPE => escaped = true,
            shifted if escaped => {
                escaped = false;
                text.push(char::from((shifted as u8).wrapping_sub(SHIFT)));
            }
            other => text.push(other),
        }
    }
    text
}

/// Appends a text as JSON.
pub(crate) fn quote(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                json.push('\\');
                json.push(character);
            }
            '\0'..='\x1f' => {
                let code = character as u8;
                json.push_str("\\u00");
                json.push(char::from(b'0' + (code >> 4)));
                json.push(char::from(b"0123456789abcdef"[usize::from(code & 15)]));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

/// Appends a whole number as JSON.
pub(crate) fn push_number(json: &mut String, number: i64) {
    json.push_str(&number.to_string());
}

/// Requests of one text.
#[derive(Default)]
pub(crate) struct Requests {
    json: String,
    count: usize,
}

impl Requests {
    /// One request, its parameters as JSON; without an index, `index` is empty.
    pub(crate) fn add(&mut self, method: &str, store: &str, index: &str, parameters: &[&str]) {
        self.json.push(if self.count == 0 { '[' } else { ',' });
        self.count += 1;
        for (before, word) in [("[\"", method), ("\",\"", store), ("\",\"", index)] {
            self.json.push_str(before);
            self.json.push_str(word);
        }
        self.json.push('"');
        for parameter in parameters {
            self.json.push(',');
            self.json.push_str(parameter);
        }
        self.json.push(']');
    }

    /// One request alone.
    pub(crate) fn one(method: &str, store: &str, index: &str, parameters: &[&str]) -> Self {
        let mut requests = Self::default();
        requests.add(method, store, index, parameters);
        requests
    }

    /// One request alone for at most so many rows; none for no rows, as the browser takes a limit of 0 for none.
    pub(crate) fn limited(method: &str, store: &str, index: &str, range: &str, limit: u32) -> Self {
        if limit == 0 {
            return Self::default();
        }
        Self::one(method, store, index, &[range, &limit.to_string()])
    }

    pub(crate) fn put(&mut self, store: &str, row: &str) {
        self.add("put", store, "", &[row]);
    }

    /// Inserts or replaces a text beside its key.
    pub(crate) fn put_at(&mut self, store: &str, key: &str, value: &str) {
        let mut quoted = String::new();
        quote(&mut quoted, value);
        self.add("put", store, "", &[&quoted, &crate::keys::text(key)]);
    }

    /// Deletes what has this key or is in this range.
    pub(crate) fn delete(&mut self, store: &str, key: &str) {
        self.add("delete", store, "", &[key]);
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The text to send.
    pub(crate) fn into_json(self) -> String {
        let mut json = self.json;
        json.push_str(if self.count == 0 { "[]" } else { "]" });
        json
    }
}
