//! Names of data files: directories tell people the partition; engines read it from manifests.

use std::fmt::Write as _;

use apache_iceberg::spec::{Literal, PrimitiveLiteral, PrimitiveType, Transform};
use chrono::{DateTime, NaiveDateTime};

use crate::base::limits::{PARTITION_PATH_BYTES_MAX, PARTITION_PATH_PART_BYTES_MAX};

/// `name=value/name=value`, in the form of Hive; what does not fit is left out, because names of files
/// are unique without it.
pub(super) fn partition_path<'a>(
    parts: impl Iterator<Item = (&'a str, Transform, &'a PrimitiveType, Option<&'a Literal>)>,
) -> String {
    let mut out = String::new();
    for (name, transform, kind, value) in parts {
        let value = match value {
            Some(Literal::Primitive(value)) => shown(transform, kind, value),
            _ => "null".to_owned(),
        };
        let part = format!("{}={}", escaped(name), escaped(&value));
        if out.len() + part.len() + 1 > PARTITION_PATH_BYTES_MAX {
            break;
        }
        if !out.is_empty() {
            out.push('/');
        }
        out.push_str(&part);
    }
    out
}

/// Escapes as forms on web pages do. What a location must not hold even in disguise (slashes, percent
/// signs, control characters) gets a tilde instead of the percent sign.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let before = out.len();
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            b'/' | b'\\' | b'%' | b'~' | 0..=31 | 127 => _ = write!(out, "~{byte:02X}"),
            _ => _ = write!(out, "%{byte:02X}"),
        }
        if out.len() > PARTITION_PATH_PART_BYTES_MAX {
            out.truncate(before);
            break;
        }
    }
    out
}

/// A partition value as people read it.
fn shown(transform: Transform, kind: &PrimitiveType, value: &PrimitiveLiteral) -> String {
    match (transform, value) {
        (Transform::Year, PrimitiveLiteral::Int(years)) => {
            format!("{:04}", i64::from(*years) + 1970)
        }
        (Transform::Month, PrimitiveLiteral::Int(months)) => {
            format!("{:04}-{:02}", 1970 + months.div_euclid(12), months.rem_euclid(12) + 1)
        }
        (Transform::Hour, PrimitiveLiteral::Int(hours)) => {
            match DateTime::from_timestamp(i64::from(*hours) * 3600, 0) {
                Some(time) => time.format("%Y-%m-%d-%H").to_string(),
                None => hours.to_string(),
            }
        }
        (_, value) => plain(kind, value),
    }
}

fn plain(kind: &PrimitiveType, value: &PrimitiveLiteral) -> String {
    let time = |micros: i64| match DateTime::from_timestamp_micros(micros) {
        Some(time) => iso(time.naive_utc()),
        None => micros.to_string(),
    };
    match (kind, value) {
        (PrimitiveType::Date, PrimitiveLiteral::Int(days)) => {
            match DateTime::from_timestamp(i64::from(*days) * 86_400, 0) {
                Some(time) => time.format("%Y-%m-%d").to_string(),
                None => days.to_string(),
            }
        }
        (PrimitiveType::Timestamp, PrimitiveLiteral::Long(micros)) => time(*micros),
        (PrimitiveType::Timestamptz, PrimitiveLiteral::Long(micros)) => {
            format!("{}+00:00", time(*micros))
        }
        (PrimitiveType::Time, PrimitiveLiteral::Long(micros)) => {
            time(*micros).split_once('T').map_or_else(String::new, |(_, clock)| clock.to_owned())
        }
        (PrimitiveType::Decimal { scale, .. }, PrimitiveLiteral::Int128(unscaled)) => {
            decimal(*unscaled, *scale)
        }
        (_, PrimitiveLiteral::Boolean(value)) => value.to_string(),
        (_, PrimitiveLiteral::Int(value)) => value.to_string(),
        (_, PrimitiveLiteral::Long(value)) => value.to_string(),
        (_, PrimitiveLiteral::Float(value)) => value.to_string(),
        (_, PrimitiveLiteral::Double(value)) => value.to_string(),
        (_, PrimitiveLiteral::String(value)) => value.clone(),
        (_, PrimitiveLiteral::Binary(value)) => crate::base::hash::to_hex(value),
        (_, PrimitiveLiteral::UInt128(value)) => uuid::Uuid::from_u128(*value).to_string(),
        (_, PrimitiveLiteral::Int128(value)) => value.to_string(),
        (_, PrimitiveLiteral::AboveMax | PrimitiveLiteral::BelowMin) => "null".to_owned(),
    }
}

fn iso(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
}

fn decimal(unscaled: i128, scale: u32) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, rest) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iceberg::location::NormalLocation;

    #[test]
    fn values_are_readable_and_safe() {
        let check = |transform, kind: PrimitiveType, value: Literal, expected: &str| {
            let path = partition_path([("p", transform, &kind, Some(&value))].into_iter());
            assert_eq!(path, expected);
            NormalLocation::parse(&format!("s3://b/{path}/x")).unwrap();
            NormalLocation::parse(&format!("/t/{path}/x")).unwrap();
        };
        let identity = Transform::Identity;
        check(Transform::Year, PrimitiveType::Int, Literal::int(56), "p=2026");
        check(Transform::Month, PrimitiveType::Int, Literal::int(-1), "p=1969-12");
        check(Transform::Hour, PrimitiveType::Int, Literal::int(-1), "p=1969-12-31-23");
        check(Transform::Day, PrimitiveType::Date, Literal::date(1), "p=1970-01-02");
        let text = |text: &str| Literal::string(text);
        check(identity, PrimitiveType::String, text("a b/c"), "p=a+b~2Fc");
        check(identity, PrimitiveType::String, text("%2e%2e/.."), "p=~252e~252e~2F..");
        check(identity, PrimitiveType::String, text("ü=?#"), "p=%C3%BC%3D%3F%23");
        check(identity, PrimitiveType::String, text("\u{0}\n"), "p=~00~0A");
        let decimal = PrimitiveType::Decimal { precision: 9, scale: 2 };
        check(identity, decimal.clone(), Literal::decimal(-5), "p=-0.05");
        check(identity, decimal, Literal::decimal(12345), "p=123.45");
        let micros = Literal::timestamptz(1_500_000);
        check(
            identity,
            PrimitiveType::Timestamptz,
            micros,
            "p=1970-01-01T00%3A00%3A01.500%2B00%3A00",
        );
        let long = partition_path(
            [("p", identity, &PrimitiveType::String, Some(&text(&"ü".repeat(500))))].into_iter(),
        );
        assert!(long.len() < 255 && long.ends_with("%C3%BC"));
    }
}
