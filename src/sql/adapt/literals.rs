//! Numbers, types of times, patterns: what is written out.

use datafusion::sql::sqlparser::ast::{DataType, TimezoneInfo, Value};

use crate::sql::error::{SqlError, SqlResult};

/// The least `bigint`, without its sign, which stands before the number.
const BIGINT_MIN: u64 = 1 << 63;

/// Times are kept in microseconds, which reach from before Christ to beyond the year 9999; the planner's
/// nanoseconds end in 2262.
pub(super) fn typed(data_type: &mut DataType) -> SqlResult<()> {
    match data_type {
        DataType::Timestamp(precision @ None, _) => *precision = Some(6),
        DataType::Timestamp(Some(precision), _) | DataType::Time(Some(precision), _)
            if *precision != 6 =>
        {
            return Err(SqlError::unsupported(format_args!("a time with {precision} digits"))
                .with_hint("date_trunc() cuts a time"));
        }
        DataType::Time(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            return Err(SqlError::unsupported("time with time zone"));
        }
        DataType::Array(_) | DataType::Timestamp(..) => {}
        _ => {}
    }
    Ok(())
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
                && text.parse::<u64>().map_or(true, |number| number > BIGINT_MIN) =>
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
