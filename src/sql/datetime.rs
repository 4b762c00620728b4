//! Dates and times as PostgreSQL writes them with `DateStyle` ISO, read strictly: nothing is guessed.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Timelike as _};

use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::settings::TimeZone;

const MICROS_OF_DAY: i64 = 86_400_000_000;

fn wrong(kind: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::InvalidDatetimeFormat,
        format!("invalid input syntax for type {kind}: {}", super::copy::shown(text)),
    )
}

fn out_of_range(kind: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::DatetimeFieldOverflow,
        format!("{kind} out of range: {}", super::copy::shown(text)),
    )
}

/// Why a part of a text is no day and no time: its numbers are too large, or it is written otherwise.
fn beyond(part: &str, between: char, kind: &str, text: &str) -> SqlError {
    let mut numbers = part.split(between);
    let number =
        |part: &str| part.starts_with(|c: char| c.is_ascii_digit()) && part.parse::<f64>().is_ok();
    if !(2..=3).contains(&numbers.clone().count()) || !numbers.all(number) {
        return wrong(kind, text);
    }
    SqlError::new(
        SqlState::DatetimeFieldOverflow,
        format!("date/time field value out of range: {}", super::copy::shown(text)),
    )
}

/// Days since 1970.
pub(super) fn date(text: &str) -> SqlResult<i32> {
    let trimmed = text.trim();
    let day = day(trimmed).ok_or_else(|| beyond(trimmed, '-', "date", text))?;
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).map_err(|_| out_of_range("date", text))
}

/// `2026-11-21` or `20261121`
fn day(text: &str) -> Option<NaiveDate> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() == 8 && digits(text) {
        return NaiveDate::parse_from_str(text, "%Y%m%d").ok();
    }
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let known = parts.next().is_none()
        && (4..=6).contains(&year.len())
        && month.len() <= 2
        && day.len() <= 2
        && [year, month, day].into_iter().all(digits);
    if !known {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// Microseconds of a day.
pub(super) fn time(text: &str) -> SqlResult<i64> {
    let micros = clock(text.trim()).ok_or_else(|| beyond(text.trim(), ':', "time", text))?;
    // Iceberg has no 24:00:00.
    if micros < MICROS_OF_DAY { Ok(micros) } else { Err(out_of_range("time", text)) }
}

/// Microseconds of `hours:minutes[:seconds[.fraction]]`; finer fractions are rounded as in PostgreSQL.
fn clock(text: &str) -> Option<i64> {
    if text == "24:00:00" {
        return Some(MICROS_OF_DAY);
    }
    let time = ["%H:%M:%S%.f", "%H:%M"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(text, form).ok())?;
    let nanos =
        i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(time.nanosecond());
    Some(nanos.div_euclid(1000) + i64::from(nanos.rem_euclid(1000) >= 500))
}

/// A time split into local microseconds since 1970 and the zone behind it, if there is one.
fn local<'t>(text: &'t str, kind: &str) -> SqlResult<(i64, Option<&'t str>)> {
    let trimmed = text.trim();
    let (date, rest) = match trimmed.find([' ', 'T', 't']) {
        Some(at) => {
            let (date, rest) = trimmed.split_at(at);
            (date, rest.get(1..).unwrap_or_default().trim_start())
        }
        None => (trimmed, ""),
    };
    let day = day(date).ok_or_else(|| beyond(date, '-', kind, text))?;
    let end =
        rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(end);
    let micros = match time {
        "" => 0,
        time => clock(time).ok_or_else(|| beyond(time, ':', kind, text))?,
    };
    let zone = zone.trim();
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    let sum = days.checked_mul(MICROS_OF_DAY).and_then(|sum| sum.checked_add(micros));
    let sum = sum.ok_or_else(|| out_of_range(kind, text))?;
    Ok((sum, (!zone.is_empty()).then_some(zone)))
}

/// Microseconds of a time without a zone. As in PostgreSQL, an offset that is written is of no account.
pub(super) fn timestamp(text: &str) -> SqlResult<i64> {
    let (micros, zone) = local(text, "timestamp")?;
    match zone {
        Some(zone) if offset(zone).is_none() => Err(wrong("timestamp", text)),
        _ => Ok(micros),
    }
}

/// Microseconds since 1970 of a time with a zone: its own or else the session's.
pub(super) fn timestamp_zoned(text: &str, session: TimeZone) -> SqlResult<i64> {
    const KIND: &str = "timestamp with time zone";
    let (micros, zone) = local(text, KIND)?;
    if let Some(zone) = zone {
        if let Some(ahead) = offset(zone) {
            return micros.checked_sub(ahead * 1_000_000).ok_or_else(|| out_of_range(KIND, text));
        }
        let zone = TimeZone::parse(zone).ok_or_else(|| wrong(KIND, text))?;
        return in_zone(micros, zone).ok_or_else(|| out_of_range(KIND, text));
    }
    in_zone(micros, session).ok_or_else(|| out_of_range(KIND, text))
}

/// Seconds of `+02`, `-08:00`, `+0530`, `Z`.
fn offset(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| -> Option<i64> {
        digits.get(range).map_or(Some(0), |part| part.parse().ok())
    };
    let seconds = match digits.len() {
        1 => digits.parse::<i64>().ok()? * 3600,
        2 | 4 | 6 => {
            let minutes = if digits.len() >= 4 { part(2..4)? } else { 0 };
            let seconds = if digits.len() == 6 { part(4..6)? } else { 0 };
            if minutes > 59 || seconds > 59 {
                return None;
            }
            part(0..2)? * 3600 + minutes * 60 + seconds
        }
        _ => return None,
    };
    (seconds < 16 * 3600).then_some(sign * seconds)
}

/// The moment at which clocks of a zone show a time. One that they show twice is the second, by the
/// standard offset; one that they skip is as far behind the jump, as in PostgreSQL.
fn in_zone(micros: i64, zone: TimeZone) -> Option<i64> {
    let at = |micros: i64| -> Option<NaiveDateTime> {
        chrono::DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc())
    };
    let Some(zone) = zone.zone() else { return Some(micros) };
    if let Some(found) = zone.from_local_datetime(&at(micros)?).latest() {
        return Some(found.timestamp_micros());
    }
    // The offset from before the jump.
    let before = zone.from_local_datetime(&at(micros.checked_sub(MICROS_OF_DAY)?)?).earliest()?;
    before.timestamp_micros().checked_add(MICROS_OF_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        assert_eq!(date("1970-01-02").unwrap(), 1);
        assert_eq!(date(" 20240229 ").unwrap(), 19_782);
        for text in ["", "2024-1-2-3", "infinity", "1/2/2024", "2024-+1-01"] {
            assert_eq!(date(text).unwrap_err().state, SqlState::InvalidDatetimeFormat, "{text}");
        }
        for text in ["2023-02-29", "24-01-01"] {
            assert_eq!(date(text).unwrap_err().state, SqlState::DatetimeFieldOverflow, "{text}");
        }
        assert_eq!(time("01:02:03.0000005").unwrap(), 3_723_000_001);
        assert_eq!(time("01:02").unwrap(), 3_720_000_000);
        assert!(time("24:00:00").is_err() && time("25:00").is_err() && time("x").is_err());
    }

    #[test]
    fn timestamps() {
        let micros = 1_709_249_400_123_400;
        assert_eq!(timestamp("2024-02-29 23:30:00.1234").unwrap(), micros);
        assert_eq!(timestamp("2024-02-29T23:30:00.1234+02").unwrap(), micros);
        assert_eq!(timestamp("2024-02-29").unwrap(), 19_782 * MICROS_OF_DAY);
        let utc = TimeZone::default();
        for text in [
            "2024-02-29 23:30:00.1234",
            "2024-03-01 05:00:00.1234+05:30",
            "2024-03-01 05:00:00.1234 +0530",
            "2024-02-29 23:30:00.1234Z",
            "2024-02-29 23:30:00.1234 UTC",
            "2024-03-01 00:30:00.1234 Europe/Berlin",
        ] {
            assert_eq!(timestamp_zoned(text, utc).unwrap(), micros, "{text}");
        }
        let berlin = TimeZone::parse("Europe/Berlin").unwrap();
        assert_eq!(timestamp_zoned("2024-03-01 00:30:00.1234", berlin).unwrap(), micros);
        // Clocks jump from 02:00 to 03:00, and from 03:00 back to 02:00.
        let jump = timestamp_zoned("2024-03-31 01:00:00+00", utc).unwrap();
        assert_eq!(timestamp_zoned("2024-03-31 02:30:00", berlin).unwrap() - jump, 1_800_000_000);
        let back = timestamp_zoned("2024-10-27 01:30:00+00", utc).unwrap();
        assert_eq!(timestamp_zoned("2024-10-27 02:30:00", berlin).unwrap(), back);
        for text in [
            "",
            "2024-02-30 00:00:00",
            "2024-02-29 x",
            "2024-02-29 10:00 Nowhere",
            "now",
            "2024-02-29 1:2:3:4",
        ] {
            assert!(timestamp_zoned(text, utc).is_err(), "{text}");
        }
    }
}
