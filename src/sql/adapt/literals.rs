//! Numbers, types of times, patterns: what is written out.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, CharacterLength, DataType, Expr, TimezoneInfo, Value,
};

use super::made::{function, number};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::time_digits::TIME_DIGITS;

/// The least `bigint`, without its sign, which stands before the number.
const BIGINT_MIN: u64 = 1 << 63;

/// Times are kept in microseconds, which reach from before Christ to beyond the year 9999; the planner's
/// nanoseconds end in 2262. Lengths of texts are not for the planner, which leaves them out.
pub(super) fn typed(data_type: &mut DataType) -> SqlResult<()> {
    match data_type {
        DataType::Timestamp(precision @ None, _) => *precision = Some(6),
        DataType::Timestamp(Some(precision), _) | DataType::Time(Some(precision), _)
            if *precision != 6 =>
        {
            return Err(SqlError::unsupported(format_args!("a time with {precision} digits")));
        }
        DataType::Time(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            return Err(SqlError::unsupported("time with time zone"));
        }
        DataType::Char(_) | DataType::Character(_) => {
            return Err(SqlError::unsupported("character(n), which fills up with blanks,")
                .with_hint("use text or varchar(n)"));
        }
        DataType::Varchar(Some(_))
        | DataType::CharVarying(Some(_))
        | DataType::CharacterVarying(Some(_)) => {
            return Err(SqlError::unsupported(format_args!("{data_type} here")));
        }
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item),
        ) => return typed(item),
        _ => {}
    }
    Ok(())
}

/// A cast to a type whose length or digits the planner does not know, in other words.
///
/// # Errors
/// `InvalidParameterValue` for no length.
pub(super) fn limited(expr: &mut Expr) -> SqlResult<bool> {
    let data_type = match expr {
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            data_type,
            format: None,
            ..
        } => data_type,
        Expr::TypedString(text) => &mut text.data_type,
        _ => return Ok(false),
    };
    let (name, limit) = match data_type {
        // More than six digits are taken for six.
        DataType::Timestamp(digits @ Some(_), _) if *digits != Some(6) => {
            (TIME_DIGITS, digits.replace(6).unwrap_or(6).min(6))
        }
        DataType::Time(digits @ Some(_), _) => (TIME_DIGITS, digits.take().unwrap_or(6).min(6)),
        DataType::Varchar(Some(CharacterLength::IntegerLength { length, unit: None }))
        | DataType::CharVarying(Some(CharacterLength::IntegerLength { length, unit: None }))
        | DataType::CharacterVarying(Some(CharacterLength::IntegerLength { length, unit: None })) =>
        {
            let length = *length;
            if length == 0 {
                return Err(SqlError::new(
                    SqlState::InvalidParameterValue,
                    "length for type varchar must be at least 1",
                ));
            }
            *data_type = DataType::Text;
            ("left", length)
        }
        _ => return Ok(false),
    };
    let whole = std::mem::replace(expr, Expr::Value(Value::Null.into()));
    *expr = function(name, vec![whole, number(&limit.to_string())]);
    Ok(true)
}

pub(super) fn literal(value: &mut Value) -> SqlResult<()> {
    match value {
        // The planner reads an exponent as zeros that are not there.
        Value::Number(text, _) if text.contains(['e', 'E']) => {
            if let Some(plain) = without_exponent(text) {
                *text = plain;
            }
            Ok(())
        }
        // Beyond what a `bigint` holds it is a numeric.
        Value::Number(text, _)
            if text.bytes().all(|byte| byte.is_ascii_digit())
                && text.parse::<u64>().map_or(true, |number| number >= BIGINT_MIN) =>
        {
            text.push('.');
            Ok(())
        }
        Value::HexStringLiteral(_) | Value::SingleQuotedByteStringLiteral(_) => {
            Err(SqlError::unsupported("a literal of bits"))
        }
        _ => Ok(()),
    }
}

/// A number without its exponent: `1.5e2` as `150.`.
fn without_exponent(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok()?;
    if !(-400..=400).contains(&exponent) {
        return None;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()? + exponent;
    Some(match usize::try_from(point) {
        Ok(point) if point >= digits.len() => format!("{digits:0<point$}."),
        Ok(point) => {
            let (whole, fraction) = digits.split_at_checked(point)?;
            format!("{}.{fraction}", if whole.is_empty() { "0" } else { whole })
        }
        Err(_) => format!("0.{}{digits}", "0".repeat(usize::try_from(-point).ok()?)),
    })
}

#[cfg(test)]
mod tests {
    use super::without_exponent;

    #[test]
    fn exponents_are_written_out() {
        for (text, plain) in [
            ("1e3", "1000."),
            ("1.5e2", "150."),
            ("1.25e1", "12.5"),
            ("1e-3", "0.001"),
            ("15e-1", "1.5"),
        ] {
            assert_eq!(without_exponent(text).unwrap(), plain);
        }
    }
}
