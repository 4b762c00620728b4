//! The lowest and highest value of a column in a file, from the statistics of its row groups.
//!
//! A bound may be wider than the values, never narrower: what is not known leaves no bound at all.

use apache_iceberg::spec::{Datum, PrimitiveType};
use parquet::file::statistics::Statistics;

/// Characters (of strings) or bytes (of binary values) that a bound keeps, as the Java implementation
/// does by default.
const BOUND_LENGTH: usize = 16;

/// Bounds of one column while row groups are added.
pub(super) struct Bounds {
    kind: PrimitiveType,
    lower: Option<Datum>,
    upper: Option<Datum>,
    /// Whether a row group did not say what it holds.
    unknown: bool,
}

impl Bounds {
    pub(super) fn new(kind: PrimitiveType) -> Self {
        Self { kind, lower: None, upper: None, unknown: false }
    }

    /// Adds a row group with at least one value that is not null.
    pub(super) fn add(&mut self, statistics: Option<&Statistics>) {
        // Parquet leaves out values that are not a number; a group of nothing else has no bounds.
        let may_lack = matches!(self.kind, PrimitiveType::Float | PrimitiveType::Double);
        let bytes = statistics.and_then(|found| found.min_bytes_opt().zip(found.max_bytes_opt()));
        let Some((min, max)) = bytes else {
            self.unknown |= !may_lack || statistics.is_none();
            return;
        };
        match (self.value(min), self.value(max)) {
            (Some(min), Some(max)) => {
                if self.lower.as_ref().is_none_or(|lower| min < *lower) {
                    self.lower = Some(min);
                }
                if self.upper.as_ref().is_none_or(|upper| max > *upper) {
                    self.upper = Some(max);
                }
            }
            _ => self.unknown = true,
        }
    }

    /// The bounds in the form in which manifests keep them.
    pub(super) fn finish(self) -> (Option<Datum>, Option<Datum>) {
        if self.unknown {
            return (None, None);
        }
        (self.lower.and_then(cut_lower), self.upper.and_then(cut_upper))
    }

    /// A value of a Parquet statistic: integers are little-endian as in Iceberg, decimals are not.
    fn value(&self, bytes: &[u8]) -> Option<Datum> {
        let kind = self.kind.clone();
        let PrimitiveType::Decimal { precision, .. } = kind else {
            return Datum::try_from_bytes(bytes, kind).ok();
        };
        let bytes = match precision {
            0..=9 => i32::from_le_bytes(bytes.try_into().ok()?).to_be_bytes().to_vec(),
            10..=18 => i64::from_le_bytes(bytes.try_into().ok()?).to_be_bytes().to_vec(),
            _ => bytes.to_vec(),
        };
        Datum::try_from_bytes(&bytes, kind).ok()
    }
}

fn cut_lower(bound: Datum) -> Option<Datum> {
    match bound.data_type() {
        PrimitiveType::String => {
            let text = text_of(&bound)?;
            Some(match text.char_indices().nth(BOUND_LENGTH) {
                Some((end, _)) => Datum::string(&text[..end]),
                None => bound,
            })
        }
        PrimitiveType::Binary | PrimitiveType::Fixed(_) => {
            let bytes = bound.to_bytes().ok()?;
            match bytes.get(..BOUND_LENGTH) {
                Some(start) => Datum::try_from_bytes(start, bound.data_type().clone()).ok(),
                None => Some(bound),
            }
        }
        _ => Some(bound),
    }
}

fn cut_upper(bound: Datum) -> Option<Datum> {
    match bound.data_type() {
        PrimitiveType::String => {
            let text = text_of(&bound)?;
            if text.chars().nth(BOUND_LENGTH).is_none() {
                return Some(bound);
            }
            let mut start: Vec<char> = text.chars().take(BOUND_LENGTH).collect();
            while let Some(last) = start.pop() {
                if let Some(next) = next_char(last) {
                    start.push(next);
                    return Some(Datum::string(start.iter().collect::<String>()));
                }
            }
            None
        }
        PrimitiveType::Binary | PrimitiveType::Fixed(_) => {
            let bytes = bound.to_bytes().ok()?;
            if bytes.len() <= BOUND_LENGTH {
                return Some(bound);
            }
            let mut start: Vec<u8> = bytes.get(..BOUND_LENGTH)?.to_vec();
            while let Some(last) = start.pop() {
                if let Some(next) = last.checked_add(1) {
                    start.push(next);
                    return Datum::try_from_bytes(&start, bound.data_type().clone()).ok();
                }
            }
            None
        }
        _ => Some(bound),
    }
}

/// The character after one, over the gap that is no character.
fn next_char(last: char) -> Option<char> {
    match u32::from(last) {
        0xD7FF => Some('\u{E000}'),
        code => char::from_u32(code + 1),
    }
}

fn text_of(bound: &Datum) -> Option<String> {
    String::from_utf8(bound.to_bytes().ok()?.into_vec()).ok()
}
