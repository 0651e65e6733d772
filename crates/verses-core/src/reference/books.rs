//! The 66 books: OSIS ids, names, abbreviations, and how many verses each chapter has (the King James versification,
//! 31,102 verses). A table and look-ups; no parsing.

/// A book, by its place in the canon: 0 is Genesis, 65 is Revelation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Book(u8);

struct Row {
    osis: &'static str,
    name: &'static str,
    /// Lower case, parted by spaces; the first one is the name.
    aliases: &'static str,
    /// Verses of each chapter.
    verses: &'static [u8],
}

impl Book {
    /// All books in canonical order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..66).map(Self)
    }

    /// Genesis.
    pub(crate) const FIRST: Self = Self(0);

    /// The book after this one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        (self.0 < 65).then(|| Self(self.0 + 1))
    }

    fn row(self) -> &'static Row {
        // Values are made in this file only, all below 66.
        &BOOKS[usize::from(self.0)]
    }

    /// OSIS id: "1Cor".
    #[must_use]
    pub fn osis(self) -> &'static str {
        self.row().osis
    }

    /// Name for people: "1 Corinthians"; "Psalm" in the singular, as references are read.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Number of chapters.
    #[must_use]
    pub fn chapters(self) -> u8 {
        u8::try_from(self.row().verses.len()).unwrap_or(u8::MAX)
    }

    /// Number of verses of a chapter; 0 for a chapter that does not exist.
    #[must_use]
    pub fn verses(self, chapter: u8) -> u8 {
        let index = usize::from(chapter).checked_sub(1);
        index.and_then(|i| self.row().verses.get(i)).copied().unwrap_or(0)
    }

    /// The book with this name or abbreviation (lower case, without spaces and dots, ordinal first: "1cor").
    #[must_use]
    pub fn from_alias(alias: &str) -> Option<Self> {
        Self::all().find(|b| b.aliases().any(|known| known == alias))
    }

    /// Names and abbreviations.
    pub(crate) fn aliases(self) -> impl Iterator<Item = &'static str> {
        self.row().aliases.split(' ')
    }
}

#[rustfmt::skip]
static BOOKS: [Row; 66] = [
    Row { osis: "Gen", name: "Genesis", aliases: "genesis gen ge gn",
        verses: &[31, 25, 24, 26, 32, 22, 24, 22, 29, 32, 32, 20, 18, 24, 21, 16, 27, 33, 38, 18, 34, 24, 20, 67, 34, 35, 46, 22, 35, 43, 55, 32, 20, 31, 29, 43, 36, 30, 23, 23, 57, 38, 34, 34, 28, 34, 31, 22, 33, 26] },
    Row { osis: "Exod", name: "Exodus", aliases: "exodus exod exo ex",
        verses: &[22, 25, 22, 31, 23, 30, 25, 32, 35, 29, 10, 51, 22, 31, 27, 36, 16, 27, 25, 26, 36, 31, 33, 18, 40, 37, 21, 43, 46, 38, 18, 35, 23, 35, 35, 38, 29, 31, 43, 38] },
    Row { osis: "Lev", name: "Leviticus", aliases: "leviticus lev le lv",
        verses: &[17, 16, 17, 35, 19, 30, 38, 36, 24, 20, 47, 8, 59, 57, 33, 34, 16, 30, 37, 27, 24, 33, 44, 23, 55, 46, 34] },
    Row { osis: "Num", name: "Numbers", aliases: "numbers num nu nm nb",
        verses: &[54, 34, 51, 49, 31, 27, 89, 26, 23, 36, 35, 16, 33, 45, 41, 50, 13, 32, 22, 29, 35, 41, 30, 25, 18, 65, 23, 31, 40, 16, 54, 42, 56, 29, 34, 13] },
    Row { osis: "Deut", name: "Deuteronomy", aliases: "deuteronomy deut deu de dt",
        verses: &[46, 37, 29, 49, 33, 25, 26, 20, 29, 22, 32, 32, 18, 29, 23, 22, 20, 22, 21, 20, 23, 30, 25, 22, 19, 19, 26, 68, 29, 20, 30, 52, 29, 12] },
    Row { osis: "Josh", name: "Joshua", aliases: "joshua josh jos jsh",
        verses: &[18, 24, 17, 24, 15, 27, 26, 35, 27, 43, 23, 24, 33, 15, 63, 10, 18, 28, 51, 9, 45, 34, 16, 33] },
    Row { osis: "Judg", name: "Judges", aliases: "judges judg jdgs jdg jg",
        verses: &[36, 23, 31, 24, 31, 40, 25, 35, 57, 18, 40, 15, 25, 20, 20, 31, 13, 31, 30, 48, 25] },
    Row { osis: "Ruth", name: "Ruth", aliases: "ruth rut ru rth",
        verses: &[22, 23, 18, 22] },
    Row { osis: "1Sam", name: "1 Samuel", aliases: "1samuel 1sam 1sa 1sm 1s",
        verses: &[28, 36, 21, 22, 12, 21, 17, 22, 27, 27, 15, 25, 23, 52, 35, 23, 58, 30, 24, 42, 15, 23, 29, 22, 44, 25, 12, 25, 11, 31, 13] },
    Row { osis: "2Sam", name: "2 Samuel", aliases: "2samuel 2sam 2sa 2sm 2s",
        verses: &[27, 32, 39, 12, 25, 23, 29, 18, 13, 19, 27, 31, 39, 33, 37, 23, 29, 33, 43, 26, 22, 51, 39, 25] },
    Row { osis: "1Kgs", name: "1 Kings", aliases: "1kings 1king 1kgs 1kin 1ki 1k",
        verses: &[53, 46, 28, 34, 18, 38, 51, 66, 28, 29, 43, 33, 34, 31, 34, 34, 24, 46, 21, 43, 29, 53] },
    Row { osis: "2Kgs", name: "2 Kings", aliases: "2kings 2king 2kgs 2kin 2ki 2k",
        verses: &[18, 25, 27, 44, 27, 33, 20, 29, 37, 36, 21, 21, 25, 29, 38, 20, 41, 37, 37, 21, 26, 20, 37, 20, 30] },
    Row { osis: "1Chr", name: "1 Chronicles", aliases: "1chronicles 1chronicle 1chron 1chro 1chr 1ch",
        verses: &[54, 55, 24, 43, 26, 81, 40, 40, 44, 14, 47, 40, 14, 17, 29, 43, 27, 17, 19, 8, 30, 19, 32, 31, 31, 32, 34, 21, 30] },
    Row { osis: "2Chr", name: "2 Chronicles", aliases: "2chronicles 2chronicle 2chron 2chro 2chr 2ch",
        verses: &[17, 18, 17, 22, 14, 42, 22, 18, 31, 19, 23, 16, 22, 15, 19, 14, 19, 34, 11, 37, 20, 12, 21, 27, 28, 23, 9, 27, 36, 27, 21, 33, 25, 33, 27, 23] },
    Row { osis: "Ezra", name: "Ezra", aliases: "ezra ezr",
        verses: &[11, 70, 13, 24, 17, 22, 28, 36, 15, 44] },
    Row { osis: "Neh", name: "Nehemiah", aliases: "nehemiah neh ne",
        verses: &[11, 20, 32, 23, 19, 19, 73, 18, 38, 39, 36, 47, 31] },
    Row { osis: "Esth", name: "Esther", aliases: "esther esth est es",
        verses: &[22, 23, 15, 17, 14, 14, 10, 17, 32, 3] },
    Row { osis: "Job", name: "Job", aliases: "job jb",
        verses: &[22, 13, 26, 21, 27, 30, 21, 22, 35, 22, 20, 25, 28, 22, 35, 22, 16, 21, 29, 29, 34, 30, 17, 25, 6, 14, 23, 28, 25, 31, 40, 22, 33, 37, 16, 33, 24, 41, 30, 24, 34, 17] },
    Row { osis: "Ps", name: "Psalm", aliases: "psalms psalm pslm psal psa psm pss ps",
        verses: &[6, 12, 8, 8, 12, 10, 17, 9, 20, 18, 7, 8, 6, 7, 5, 11, 15, 50, 14, 9, 13, 31, 6, 10, 22, 12, 14, 9, 11, 12, 24, 11, 22, 22, 28, 12, 40, 22, 13, 17, 13, 11, 5, 26, 17, 11, 9, 14, 20, 23, 19, 9, 6, 7, 23, 13, 11, 11, 17, 12, 8, 12, 11, 10, 13, 20, 7, 35, 36, 5, 24, 20, 28, 23, 10, 12, 20, 72, 13, 19, 16, 8, 18, 12, 13, 17, 7, 18, 52, 17, 16, 15, 5, 23, 11, 13, 12, 9, 9, 5, 8, 28, 22, 35, 45, 48, 43, 13, 31, 7, 10, 10, 9, 8, 18, 19, 2, 29, 176, 7, 8, 9, 4, 8, 5, 6, 5, 6, 8, 8, 3, 18, 3, 3, 21, 26, 9, 8, 24, 13, 10, 7, 12, 15, 21, 10, 20, 14, 9, 6] },
    Row { osis: "Prov", name: "Proverbs", aliases: "proverbs proverb prov pro prv pr",
        verses: &[33, 22, 35, 27, 23, 35, 27, 36, 18, 32, 31, 28, 25, 35, 33, 33, 28, 24, 29, 30, 31, 29, 35, 34, 28, 28, 27, 28, 27, 33, 31] },
    Row { osis: "Eccl", name: "Ecclesiastes", aliases: "ecclesiastes eccles eccle eccl ecc ec qoheleth qoh",
        verses: &[18, 26, 22, 16, 20, 12, 29, 17, 18, 20, 10, 14] },
    Row { osis: "Song", name: "Song of Solomon", aliases: "songofsolomon songofsongs songofsol songofsg songs song sos so ss canticles canticleofcanticles cant sng",
        verses: &[17, 17, 11, 16, 16, 13, 13, 14] },
    Row { osis: "Isa", name: "Isaiah", aliases: "isaiah isa is",
        verses: &[31, 22, 26, 6, 30, 13, 25, 22, 21, 34, 16, 6, 22, 32, 9, 14, 14, 7, 25, 6, 17, 25, 18, 23, 12, 21, 13, 29, 24, 33, 9, 20, 24, 17, 10, 22, 38, 22, 8, 31, 29, 25, 28, 28, 25, 13, 15, 22, 26, 11, 23, 15, 12, 17, 13, 12, 21, 14, 21, 22, 11, 12, 19, 12, 25, 24] },
    Row { osis: "Jer", name: "Jeremiah", aliases: "jeremiah jer je jr",
        verses: &[19, 37, 25, 31, 31, 30, 34, 22, 26, 25, 23, 17, 27, 22, 21, 21, 27, 23, 15, 18, 14, 30, 40, 10, 38, 24, 22, 17, 32, 24, 40, 44, 26, 22, 19, 32, 21, 28, 18, 16, 18, 22, 13, 30, 5, 28, 7, 47, 39, 46, 64, 34] },
    Row { osis: "Lam", name: "Lamentations", aliases: "lamentations lamentation lam la",
        verses: &[22, 22, 66, 22, 22] },
    Row { osis: "Ezek", name: "Ezekiel", aliases: "ezekiel ezek eze ezk",
        verses: &[28, 10, 27, 17, 17, 14, 27, 18, 11, 22, 25, 28, 23, 23, 8, 63, 24, 32, 14, 49, 32, 31, 49, 27, 17, 21, 36, 26, 21, 26, 18, 32, 33, 31, 15, 38, 28, 23, 29, 49, 26, 20, 27, 31, 25, 24, 23, 35] },
    Row { osis: "Dan", name: "Daniel", aliases: "daniel dan da dn",
        verses: &[21, 49, 30, 37, 31, 28, 28, 27, 27, 21, 45, 13] },
    Row { osis: "Hos", name: "Hosea", aliases: "hosea hos ho",
        verses: &[11, 23, 5, 19, 15, 11, 16, 14, 17, 15, 12, 14, 16, 9] },
    Row { osis: "Joel", name: "Joel", aliases: "joel joe jl",
        verses: &[20, 32, 21] },
    Row { osis: "Amos", name: "Amos", aliases: "amos amo am",
        verses: &[15, 16, 15, 13, 27, 14, 17, 14, 15] },
    Row { osis: "Obad", name: "Obadiah", aliases: "obadiah obad oba ob",
        verses: &[21] },
    Row { osis: "Jonah", name: "Jonah", aliases: "jonah jon jnh",
        verses: &[17, 10, 10, 11] },
    Row { osis: "Mic", name: "Micah", aliases: "micah mic mc",
        verses: &[16, 13, 12, 13, 15, 16, 20] },
    Row { osis: "Nah", name: "Nahum", aliases: "nahum nah na",
        verses: &[15, 13, 19] },
    Row { osis: "Hab", name: "Habakkuk", aliases: "habakkuk hab hb",
        verses: &[17, 20, 19] },
    Row { osis: "Zeph", name: "Zephaniah", aliases: "zephaniah zeph zep zp",
        verses: &[18, 15, 20] },
    Row { osis: "Hag", name: "Haggai", aliases: "haggai hag hg",
        verses: &[15, 23] },
    Row { osis: "Zech", name: "Zechariah", aliases: "zechariah zech zec zc",
        verses: &[21, 13, 10, 14, 11, 15, 14, 23, 17, 12, 17, 14, 9, 21] },
    Row { osis: "Mal", name: "Malachi", aliases: "malachi mal ml",
        verses: &[14, 17, 18, 6] },
    Row { osis: "Matt", name: "Matthew", aliases: "matthew matt mat mt",
        verses: &[25, 23, 17, 25, 48, 34, 29, 34, 38, 42, 30, 50, 58, 36, 39, 28, 27, 35, 30, 34, 46, 46, 39, 51, 46, 75, 66, 20] },
    Row { osis: "Mark", name: "Mark", aliases: "mark mrk mar mk mr",
        verses: &[45, 28, 35, 41, 43, 56, 37, 38, 50, 52, 33, 44, 37, 72, 47, 20] },
    Row { osis: "Luke", name: "Luke", aliases: "luke luk lk lu",
        verses: &[80, 52, 38, 44, 39, 49, 50, 56, 62, 42, 54, 59, 35, 35, 32, 31, 37, 43, 48, 47, 38, 71, 56, 53] },
    Row { osis: "John", name: "John", aliases: "john joh jhn jn",
        verses: &[51, 25, 36, 54, 47, 71, 53, 59, 41, 42, 57, 50, 38, 31, 27, 33, 26, 40, 42, 31, 25] },
    Row { osis: "Acts", name: "Acts", aliases: "actsoftheapostles acts act ac",
        verses: &[26, 47, 26, 37, 42, 15, 60, 40, 43, 48, 30, 25, 52, 28, 41, 40, 34, 28, 41, 38, 40, 30, 35, 27, 27, 32, 44, 31] },
    Row { osis: "Rom", name: "Romans", aliases: "romans roman rom ro rm",
        verses: &[32, 29, 31, 25, 21, 23, 25, 39, 33, 21, 36, 21, 14, 23, 33, 27] },
    Row { osis: "1Cor", name: "1 Corinthians", aliases: "1corinthians 1corinthian 1cor 1co",
        verses: &[31, 16, 23, 21, 13, 20, 40, 13, 27, 33, 34, 31, 13, 40, 58, 24] },
    Row { osis: "2Cor", name: "2 Corinthians", aliases: "2corinthians 2corinthian 2cor 2co",
        verses: &[24, 17, 18, 18, 21, 18, 16, 24, 15, 18, 33, 21, 14] },
    Row { osis: "Gal", name: "Galatians", aliases: "galatians gal ga",
        verses: &[24, 21, 29, 31, 26, 18] },
    Row { osis: "Eph", name: "Ephesians", aliases: "ephesians ephes eph ep",
        verses: &[23, 22, 21, 32, 33, 24] },
    Row { osis: "Phil", name: "Philippians", aliases: "philippians philipp phil php pp",
        verses: &[30, 30, 21, 23] },
    Row { osis: "Col", name: "Colossians", aliases: "colossians col co",
        verses: &[29, 23, 25, 18] },
    Row { osis: "1Thess", name: "1 Thessalonians", aliases: "1thessalonians 1thess 1thes 1th 1ts",
        verses: &[10, 20, 13, 18, 28] },
    Row { osis: "2Thess", name: "2 Thessalonians", aliases: "2thessalonians 2thess 2thes 2th 2ts",
        verses: &[12, 17, 18] },
    Row { osis: "1Tim", name: "1 Timothy", aliases: "1timothy 1tim 1ti 1tm",
        verses: &[20, 15, 16, 16, 25, 21] },
    Row { osis: "2Tim", name: "2 Timothy", aliases: "2timothy 2tim 2ti 2tm",
        verses: &[18, 26, 17, 22] },
    Row { osis: "Titus", name: "Titus", aliases: "titus tit ti tt",
        verses: &[16, 15, 15] },
    Row { osis: "Phlm", name: "Philemon", aliases: "philemon philem phlm phm pm",
        verses: &[25] },
    Row { osis: "Heb", name: "Hebrews", aliases: "hebrews hebrew heb he",
        verses: &[14, 18, 19, 16, 14, 20, 28, 13, 28, 39, 40, 29, 25] },
    Row { osis: "Jas", name: "James", aliases: "james jas jam jm",
        verses: &[27, 26, 18, 17, 20] },
    Row { osis: "1Pet", name: "1 Peter", aliases: "1peter 1pet 1pe 1pt 1p",
        verses: &[25, 25, 22, 19, 14] },
    Row { osis: "2Pet", name: "2 Peter", aliases: "2peter 2pet 2pe 2pt 2p",
        verses: &[21, 22, 18] },
    Row { osis: "1John", name: "1 John", aliases: "1john 1joh 1jhn 1jn 1jo 1j",
        verses: &[10, 29, 24, 21, 21] },
    Row { osis: "2John", name: "2 John", aliases: "2john 2joh 2jhn 2jn 2jo 2j",
        verses: &[13] },
    Row { osis: "3John", name: "3 John", aliases: "3john 3joh 3jhn 3jn 3jo 3j",
        verses: &[14] },
    Row { osis: "Jude", name: "Jude", aliases: "jude jd",
        verses: &[25] },
    Row { osis: "Rev", name: "Revelation", aliases: "revelation revelations rev re rv apocalypse apoc",
        verses: &[20, 29, 22, 11, 14, 17, 17, 13, 21, 11, 19, 17, 18, 20, 8, 21, 18, 24, 21, 15, 27, 21] },
];
