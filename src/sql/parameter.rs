//! What a text stands for that a client gives for a parameter.

use arrow::datatypes::DataType;

/// Digits that a decimal has at most.
const DECIMAL_DIGITS: u8 = 38;

/// The type as which such a text is read, for a place of this type; a text where the place takes texts. A
/// decimal has as many places as the text: those of its place could round it. `None` for a text that is no
/// decimal there.
#[must_use]
pub fn type_of_text(text: &str, wanted: &DataType) -> Option<DataType> {
    if wanted.is_string() || wanted.is_null() {
        return Some(DataType::Utf8);
    }
    if !wanted.is_decimal() {
        return Some(wanted.clone());
    }
    let places = text.trim().split_once('.').map_or(0, |(_, places)| places.len());
    let scale = i8::try_from(places)
        .ok()
        .filter(|scale| *scale <= DECIMAL_DIGITS.cast_signed())
        .filter(|_| !text.contains(['e', 'E']))?;
    Some(DataType::Decimal128(DECIMAL_DIGITS, scale))
}
