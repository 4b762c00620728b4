//! Templates, read: patterns, texts between them, and how they are written.

use crate::sql::error::{SqlError, SqlResult};

/// What a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Hour12,
    Hour24,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    SecondsOfDay,
    Meridiem,
    MeridiemDotted,
    YearComma,
    /// So many last digits.
    Year(u8),
    IsoYear(u8),
    Era,
    EraDotted,
    MonthName,
    MonthShort,
    Month,
    MonthRoman,
    DayName,
    DayShort,
    DayOfYear,
    DayOfMonth,
    DayOfWeek,
    IsoDayOfWeek,
    IsoDayOfYear,
    WeekOfMonth,
    WeekOfYear,
    IsoWeek,
    Century,
    JulianDay,
    Quarter,
    Zone,
    ZoneHours,
    ZoneMinutes,
    ZoneOffset,
}

/// How letters of a pattern are written, and what stands for it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    Upper,
    Capital,
    Lower,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A pattern.
    Field {
        field: Field,
        letters: Letters,
        /// `FM`: without blanks and zeros that only fill up.
        plain: bool,
        /// `TH`, `th`: with the ending of an ordinal number.
        ordinal: Option<Letters>,
    },
    /// A text that stands for itself.
    Text(String),
}

/// A template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(pub(super) Vec<Part>);

/// All patterns in capitals. `Capital` is for those that are also written `Month`.
const PATTERNS: &[(&str, Field, bool)] = &[
    ("SSSSS", Field::SecondsOfDay, false),
    ("SSSS", Field::SecondsOfDay, false),
    ("SS", Field::Second, false),
    ("HH24", Field::Hour24, false),
    ("HH12", Field::Hour12, false),
    ("HH", Field::Hour12, false),
    ("MI", Field::Minute, false),
    ("MS", Field::Millisecond, false),
    ("US", Field::Microsecond, false),
    ("A.M.", Field::MeridiemDotted, false),
    ("P.M.", Field::MeridiemDotted, false),
    ("AM", Field::Meridiem, false),
    ("PM", Field::Meridiem, false),
    ("Y,YYY", Field::YearComma, false),
    ("YYYY", Field::Year(4), false),
    ("YYY", Field::Year(3), false),
    ("YY", Field::Year(2), false),
    ("Y", Field::Year(1), false),
    ("IYYY", Field::IsoYear(4), false),
    ("IYY", Field::IsoYear(3), false),
    ("IY", Field::IsoYear(2), false),
    ("IDDD", Field::IsoDayOfYear, false),
    ("ID", Field::IsoDayOfWeek, false),
    ("IW", Field::IsoWeek, false),
    ("I", Field::IsoYear(1), false),
    ("B.C.", Field::EraDotted, false),
    ("A.D.", Field::EraDotted, false),
    ("BC", Field::Era, false),
    ("AD", Field::Era, false),
    ("MONTH", Field::MonthName, true),
    ("MON", Field::MonthShort, true),
    ("MM", Field::Month, false),
    ("RM", Field::MonthRoman, false),
    ("DAY", Field::DayName, true),
    ("DY", Field::DayShort, true),
    ("DDD", Field::DayOfYear, false),
    ("DD", Field::DayOfMonth, false),
    ("D", Field::DayOfWeek, false),
    ("WW", Field::WeekOfYear, false),
    ("W", Field::WeekOfMonth, false),
    ("CC", Field::Century, false),
    ("J", Field::JulianDay, false),
    ("Q", Field::Quarter, false),
    ("TZH", Field::ZoneHours, false),
    ("TZM", Field::ZoneMinutes, false),
    ("TZ", Field::Zone, false),
    ("OF", Field::ZoneOffset, false),
];

/// Patterns of PostgreSQL that are not carried out.
const UNKNOWN: &[&str] = &["FX", "TM", "SP", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6"];

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// `FeatureNotSupported` for a pattern that is not known here.
    pub(super) fn parse(text: &str) -> SqlResult<Self> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        let mut plain = false;
        while let Some(first) = rest.chars().next() {
            if let Some(pattern) = UNKNOWN.iter().find(|pattern| both(rest, pattern)) {
                return Err(SqlError::unsupported(format_args!(
                    "the pattern {pattern} in the template {text:?}"
                )));
            }
            if both(rest, "FM") {
                plain = true;
                rest = rest.get(2..).unwrap_or_default();
                continue;
            }
            if let Some((length, field, letters)) = pattern(rest) {
                rest = rest.get(length..).unwrap_or_default();
                let ordinal = if rest.starts_with("TH") {
                    Some(Letters::Upper)
                } else if rest.starts_with("th") {
                    Some(Letters::Lower)
                } else {
                    None
                };
                if ordinal.is_some() {
                    rest = rest.get(2..).unwrap_or_default();
                }
                parts.push(Part::Field { field, letters, plain, ordinal });
                plain = false;
                continue;
            }
            let (length, itself) = literal(rest, first);
            rest = rest.get(length..).unwrap_or_default();
            match parts.last_mut() {
                Some(Part::Text(text)) => text.push_str(&itself),
                _ => parts.push(Part::Text(itself)),
            }
        }
        Ok(Self(parts))
    }
}

/// Whether a text begins with a pattern, in capitals or in small letters.
fn both(text: &str, pattern: &str) -> bool {
    text.starts_with(pattern) || text.starts_with(&pattern.to_ascii_lowercase())
}

/// The longest pattern that a text begins with.
fn pattern(text: &str) -> Option<(usize, Field, Letters)> {
    let ways = |(name, field, named): &(&str, Field, bool)| {
        let lower = name.to_ascii_lowercase();
        if text.starts_with(name) {
            return Some((name.len(), *field, Letters::Upper));
        }
        if text.starts_with(&lower) {
            return Some((name.len(), *field, Letters::Lower));
        }
        let (first, others) = (name.get(..1)?, lower.get(1..)?);
        let capital =
            *named && text.strip_prefix(first).is_some_and(|text| text.starts_with(others));
        capital.then_some((name.len(), *field, Letters::Capital))
    };
    PATTERNS.iter().filter_map(ways).max_by_key(|(length, ..)| *length)
}

/// What stands for itself: a quoted text, a character behind a backslash, a character.
fn literal(rest: &str, first: char) -> (usize, String) {
    if first == '"' {
        let mut itself = String::new();
        let mut escaped = false;
        for (at, character) in rest.char_indices().skip(1) {
            match character {
                '"' if !escaped => return (at + 1, itself),
                '\\' if !escaped => escaped = true,
                other => {
                    itself.push(other);
                    escaped = false;
                }
            }
        }
        return (rest.len(), itself);
    }
    // Only a quotation mark is special behind a backslash.
    if rest.starts_with("\\\"") {
        return (2, "\"".to_owned());
    }
    (first.len_utf8(), first.to_string())
}
