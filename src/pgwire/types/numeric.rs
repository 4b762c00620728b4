//! Numbers as PostgreSQL writes them: floats in their shortest form, `numeric` exactly.

use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};

use super::out_of_range;
use crate::pgwire::error::{WireError, WireResult, code};

/// Digits of a decimal base-10000 group.
const GROUP: usize = 4;
const NEGATIVE: u16 = 0x4000;
/// Digits before the point that are read at most; what Arrow's largest decimal holds, and some.
const DIGITS_MAX: usize = 76;

/// A whole number with the point so many digits from its right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Decimal {
    pub(super) negative: bool,
    /// No sign, no leading zeros; `0` for zero.
    pub(super) digits: String,
    pub(super) scale: usize,
}

impl Decimal {
    /// From an integer as it is printed, and a scale that may be negative.
    pub(super) fn new(integer: &str, scale: i8) -> Self {
        let (negative, digits) = match integer.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, integer),
        };
        let mut digits = digits.to_owned();
        if scale < 0 && digits != "0" {
            digits.extend(std::iter::repeat_n('0', usize::from(scale.unsigned_abs())));
        }
        Self { negative, digits, scale: usize::try_from(scale).unwrap_or(0) }
    }

    /// The digits before and after the point.
    fn parts(&self) -> (&str, String) {
        let split = self.digits.len().saturating_sub(self.scale);
        let (whole, fraction) = self.digits.split_at(split);
        (whole, format!("{fraction:0>width$}", width = self.scale))
    }

    pub(super) fn text(&self, out: &mut BytesMut) {
        let (whole, fraction) = self.parts();
        if self.negative {
            out.put_u8(b'-');
        }
        out.put_slice(if whole.is_empty() { b"0" } else { whole.as_bytes() });
        if !fraction.is_empty() {
            out.put_u8(b'.');
            out.put_slice(fraction.as_bytes());
        }
    }

    pub(super) fn binary(&self, out: &mut BytesMut) -> WireResult<()> {
        let (whole, fraction) = self.parts();
        let whole_groups = whole.len().div_ceil(GROUP);
        let digits = format!(
            "{whole:0>before$}{fraction:0<after$}",
            before = whole_groups * GROUP,
            after = fraction.len().div_ceil(GROUP) * GROUP
        );
        let groups: Vec<u16> = digits
            .as_bytes()
            .chunks(GROUP)
            .map(|group| {
                group.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit.wrapping_sub(b'0')))
            })
            .collect();
        let leading = groups.iter().take_while(|group| **group == 0).count();
        let trailing = groups.iter().rev().take_while(|group| **group == 0).count();
        let kept = groups.get(leading..groups.len().saturating_sub(trailing)).unwrap_or_default();
        let narrow = |number: usize| i16::try_from(number).map_err(|_| out_of_range("numeric"));
        let weight = if kept.is_empty() {
            0
        } else {
            narrow(whole_groups)?.wrapping_sub(narrow(leading)?).wrapping_sub(1)
        };
        out.put_i16(narrow(kept.len())?);
        out.put_i16(weight);
        out.put_u16(if self.negative && !kept.is_empty() { NEGATIVE } else { 0 });
        out.put_i16(narrow(self.scale)?);
        kept.iter().for_each(|group| out.put_u16(*group));
        Ok(())
    }

    /// Reads `-12.50` or `1e3`.
    pub(super) fn parse(text: &str) -> WireResult<Self> {
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        let wrong = || {
            let shown: String = text.chars().take(100).collect();
            WireError::new(
                code::INVALID_TEXT,
                format!("invalid input syntax for type numeric: \"{shown}\""),
            )
        };
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let named = unsigned.to_ascii_lowercase();
        if matches!(named.as_str(), "nan" | "infinity" | "inf") {
            return Err(WireError::unsupported(format!("the numeric {text}")));
        }
        let (mantissa, exponent) = match named.split_once('e') {
            Some((mantissa, exponent)) => {
                (mantissa.to_owned(), exponent.parse::<i32>().map_err(|_| wrong())?)
            }
            None => (named, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let fraction = i64::try_from(fraction.len()).map_err(|_| wrong())?;
        Self::shifted(negative, &digits, fraction - i64::from(exponent))
    }

    /// From digits and a scale that may be anything.
    fn shifted(negative: bool, digits: &str, scale: i64) -> WireResult<Self> {
        let mut digits = digits.trim_start_matches('0').to_owned();
        let mut scale = scale;
        if digits.is_empty() {
            let scale = usize::try_from(scale).unwrap_or(0).min(DIGITS_MAX);
            return Ok(Self { negative: false, digits: "0".to_owned(), scale });
        }
        let most = i64::try_from(DIGITS_MAX).unwrap_or(i64::MAX);
        while scale > most && digits.ends_with('0') {
            digits.pop();
            scale -= 1;
        }
        if scale < -most || scale > most {
            return Err(out_of_range("numeric"));
        }
        if scale < 0 {
            let zeros = usize::try_from(-scale).unwrap_or(0);
            digits.extend(std::iter::repeat_n('0', zeros));
            scale = 0;
        }
        if digits.len() > DIGITS_MAX {
            return Err(out_of_range("numeric"));
        }
        Ok(Self { negative, digits, scale: usize::try_from(scale).unwrap_or(0) })
    }

    /// Reads the binary form.
    pub(super) fn read(bytes: &[u8]) -> WireResult<Self> {
        let wrong = || WireError::new(code::INVALID_BINARY, "invalid binary numeric");
        let words: Vec<u16> = bytes
            .chunks(2)
            .filter_map(|two| Some(u16::from_be_bytes(two.try_into().ok()?)))
            .collect();
        let [count, weight, sign, scale, groups @ ..] = words.as_slice() else {
            return Err(wrong());
        };
        if !bytes.len().is_multiple_of(2)
            || usize::from(*count) != groups.len()
            || groups.iter().any(|group| *group > 9999)
            || *scale > 16_383
        {
            return Err(wrong());
        }
        let negative = match *sign {
            0 => false,
            NEGATIVE => true,
            0xC000 | 0xD000 | 0xF000 => {
                return Err(WireError::unsupported("the numeric NaN or Infinity"));
            }
            _ => return Err(wrong()),
        };
        let mut digits = String::new();
        for group in groups {
            write!(digits, "{group:04}").map_err(|_| wrong())?;
        }
        // The last group stands for 10000 to the power of weight - count + 1.
        let places =
            i64::try_from(groups.len()).map_err(|_| wrong())? - i64::from(weight.cast_signed()) - 1;
        let mut decimal_scale = places * 4;
        let wanted = i64::from(*scale);
        while decimal_scale > wanted && digits.ends_with('0') {
            digits.pop();
            decimal_scale -= 1;
        }
        while decimal_scale < wanted && !groups.is_empty() && digits.len() <= DIGITS_MAX {
            digits.push('0');
            decimal_scale += 1;
        }
        if groups.is_empty() {
            decimal_scale = wanted;
        }
        Self::shifted(negative, &digits, decimal_scale)
    }

    /// As Arrow prints its integers.
    pub(super) fn integer(&self) -> String {
        if self.negative { format!("-{}", self.digits) } else { self.digits.clone() }
    }

    /// Precision that holds it.
    pub(super) fn precision(&self) -> usize {
        self.digits.len().max(self.scale).max(1)
    }
}

/// Writes a float as PostgreSQL does: the fewest digits that read back the same, with an exponent below
/// 0.0001 and from ten to the power of `wide` on.
pub(super) fn float(scientific: &str, wide: i32, out: &mut BytesMut) {
    let (mantissa, exponent) = match scientific.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(0)),
        None => {
            let named = match scientific {
                "inf" => "Infinity",
                "-inf" => "-Infinity",
                other => other,
            };
            return out.put_slice(named.as_bytes());
        }
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    out.put_slice(sign.as_bytes());
    if exponent < -4 || exponent >= wide {
        let sign = if exponent < 0 { '-' } else { '+' };
        let text = format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
        return out.put_slice(text.as_bytes());
    }
    let shift = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
    let text = if exponent < 0 {
        format!("0.{}{digits}", "0".repeat(shift - 1))
    } else if digits.len() <= shift + 1 {
        format!("{digits:0<width$}", width = shift + 1)
    } else {
        let (whole, fraction) = digits.split_at(shift + 1);
        format!("{whole}.{fraction}")
    };
    out.put_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn decimals_are_exact_both_ways() {
        for (integer, scale, text) in [
            ("0", 0, "0"),
            ("0", 2, "0.00"),
            ("5", 2, "0.05"),
            ("-5", 2, "-0.05"),
            ("12345", 2, "123.45"),
            ("-1234500000", 5, "-12345.00000"),
            ("10000", 0, "10000"),
            ("100000000", 4, "10000.0000"),
            ("1", 9, "0.000000001"),
            (
                "99999999999999999999999999999999999999",
                38,
                "0.99999999999999999999999999999999999999",
            ),
            (
                "-170141183460469231731687303715884105728",
                0,
                "-170141183460469231731687303715884105728",
            ),
        ] {
            let decimal = Decimal::new(integer, scale);
            assert_eq!(shown(|out| decimal.text(out)), text);
            assert_eq!(Decimal::parse(text).unwrap(), decimal, "{text}");
            let mut out = BytesMut::new();
            decimal.binary(&mut out).unwrap();
            assert_eq!(Decimal::read(&out).unwrap(), decimal, "{text} {out:?}");
        }
        assert_eq!(shown(|out| Decimal::new("12", -3).text(out)), "12000");
        assert_eq!(Decimal::parse(" 1.5e3 ").unwrap(), Decimal::new("1500", 0));
        assert_eq!(Decimal::parse("15e-1").unwrap(), Decimal::new("15", 1));
    }

    /// Bytes that PostgreSQL sends for these values.
    #[test]
    fn binary_is_that_of_postgresql() {
        let bytes = |decimal: &Decimal| {
            let mut out = BytesMut::new();
            decimal.binary(&mut out).unwrap();
            out.chunks(2).map(|two| u16::from_be_bytes(two.try_into().unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(bytes(&Decimal::new("12345", 2)), [2, 0, 0, 2, 123, 4500]);
        assert_eq!(bytes(&Decimal::new("-1", 4)), [1, 0xffff, NEGATIVE, 4, 1]);
        assert_eq!(bytes(&Decimal::new("0", 2)), [0, 0, 0, 2]);
        assert_eq!(bytes(&Decimal::new("10000", 0)), [1, 1, 0, 0, 1]);
        assert_eq!(bytes(&Decimal::new("123456789", 0)), [3, 2, 0, 0, 1, 2345, 6789]);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for wrong in ["", "-", "1.2.3", "abc", "1e", "0x10", "1e999999999999", "--1", "٣"] {
            assert_eq!(Decimal::parse(wrong).unwrap_err().code, code::INVALID_TEXT, "{wrong}");
        }
        assert_eq!(Decimal::parse("1e100").unwrap_err().code, code::NUMERIC_OUT_OF_RANGE);
        assert_eq!(Decimal::parse("1e-100").unwrap_err().code, code::NUMERIC_OUT_OF_RANGE);
        assert!(Decimal::parse("NaN").is_err());
        for end in 0..8 {
            assert!(Decimal::read(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 1][..end]).is_err());
        }
        assert!(Decimal::read(&[0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff]).is_err());
    }

    #[test]
    fn floats_look_like_those_of_postgresql() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-123.456, "-123.456"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(shown(|out| float(&format!("{value:e}"), 15, out)), text);
        }
        assert_eq!(shown(|out| float(&format!("{:e}", 1e6_f32), 6, out)), "1e+06");
        assert_eq!(shown(|out| float(&format!("{:e}", 123_456.0_f32), 6, out)), "123456");
    }
}
