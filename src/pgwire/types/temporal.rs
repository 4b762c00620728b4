//! Dates, times and intervals as PostgreSQL writes them, `DateStyle` ISO and `IntervalStyle` postgres.
//!
//! PostgreSQL counts in microseconds from 2000-01-01; finer fractions are cut off. What lies outside the
//! years that it knows is an error.

use std::fmt::Write as _;
use std::str::FromStr as _;

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::{
    IntervalParseConfig, IntervalUnit, parse_interval_month_day_nano_config, string_to_datetime,
};
use arrow::datatypes::IntervalMonthDayNano;
use bytes::{BufMut as _, BytesMut};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeZone as _, Timelike as _};

use crate::pgwire::error::{WireError, WireResult, code};

pub(super) const MICROS_OF_DAY: i64 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * MICROS_OF_DAY;
/// 4714-11-24 BC, PostgreSQL's first day.
const FIRST_DAY: i64 = -2_440_588;

/// Where times with a zone are shown.
#[derive(Clone, Copy, Debug)]
pub(in crate::pgwire) struct Zone(Option<Tz>);

impl Default for Zone {
    /// UTC.
    fn default() -> Self {
        Self(None)
    }
}

impl Zone {
    /// A zone by its name or offset; `None` for one that is not known.
    pub(in crate::pgwire) fn parse(name: &str) -> Option<Self> {
        if ["UTC", "GMT", "Etc/UTC", "Z"].iter().any(|utc| name.eq_ignore_ascii_case(utc)) {
            return Some(Self(None));
        }
        Tz::from_str(name).ok().map(|zone| Self(Some(zone)))
    }

    /// Seconds that its clocks are ahead at this moment.
    fn ahead(self, seconds: i64) -> i64 {
        let utc = chrono::DateTime::from_timestamp(seconds, 0);
        match (self.0, utc) {
            (Some(zone), Some(utc)) => {
                let offset = zone.offset_from_utc_datetime(&utc.naive_utc());
                i64::from(offset.fix().local_minus_utc())
            }
            _ => 0,
        }
    }
}

fn overflow(what: &str) -> WireError {
    WireError::new(code::DATETIME_OVERFLOW, format!("{what} out of range"))
}

fn wrong(kind: &str, text: &str) -> WireError {
    let shown: String = text.chars().take(100).collect();
    WireError::new(code::INVALID_TEXT, format!("invalid input syntax for type {kind}: \"{shown}\""))
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar without end.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Text never fails to grow; the result is kept because formatting asks for it.
fn put(out: &mut BytesMut, text: std::fmt::Arguments<'_>) -> WireResult<()> {
    out.write_fmt(text).map_err(|_| WireError::new(code::INTERNAL, "a value cannot be written"))
}

fn put_day(days: i64, out: &mut BytesMut) -> WireResult<bool> {
    let (year, month, day) = civil(days);
    let shown = if year > 0 { year } else { 1 - year };
    put(out, format_args!("{shown:04}-{month:02}-{day:02}"))?;
    Ok(year <= 0)
}

fn put_clock(micros: i64, out: &mut BytesMut) -> WireResult<()> {
    let seconds = micros / 1_000_000;
    put(out, format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))?;
    put_fraction(micros % 1_000_000, out)
}

fn put_fraction(micros: i64, out: &mut BytesMut) -> WireResult<()> {
    if micros == 0 {
        return Ok(());
    }
    let digits = format!("{micros:06}");
    put(out, format_args!(".{}", digits.trim_end_matches('0')))
}

pub(super) fn date_text(days: i32, out: &mut BytesMut) -> WireResult<()> {
    let days = i64::from(days);
    if days < FIRST_DAY {
        return Err(overflow("date"));
    }
    if put_day(days, out)? {
        out.put_slice(b" BC");
    }
    Ok(())
}

pub(super) fn date_binary(days: i32, out: &mut BytesMut) -> WireResult<()> {
    let shifted = days.checked_sub(EPOCH_DAYS).filter(|_| i64::from(days) >= FIRST_DAY);
    out.put_i32(shifted.ok_or_else(|| overflow("date"))?);
    Ok(())
}

pub(super) fn time_text(micros: i64, out: &mut BytesMut) -> WireResult<()> {
    check_time(micros)?;
    put_clock(micros, out)
}

pub(super) fn time_binary(micros: i64, out: &mut BytesMut) -> WireResult<()> {
    check_time(micros)?;
    out.put_i64(micros);
    Ok(())
}

fn check_time(micros: i64) -> WireResult<()> {
    if (0..=MICROS_OF_DAY).contains(&micros) { Ok(()) } else { Err(overflow("time")) }
}

/// `zone` for a time with a zone.
pub(super) fn timestamp_text(
    micros: i64,
    zone: Option<Zone>,
    out: &mut BytesMut,
) -> WireResult<()> {
    let ahead = zone.map_or(0, |zone| zone.ahead(micros.div_euclid(1_000_000)));
    let local = micros.checked_add(ahead * 1_000_000).ok_or_else(|| overflow("timestamp"))?;
    let days = local.div_euclid(MICROS_OF_DAY);
    if days < FIRST_DAY {
        return Err(overflow("timestamp"));
    }
    let before_christ = put_day(days, out)?;
    out.put_u8(b' ');
    put_clock(local.rem_euclid(MICROS_OF_DAY), out)?;
    if zone.is_some() {
        put_offset(ahead, out)?;
    }
    if before_christ {
        out.put_slice(b" BC");
    }
    Ok(())
}

fn put_offset(ahead: i64, out: &mut BytesMut) -> WireResult<()> {
    let sign = if ahead < 0 { '-' } else { '+' };
    let ahead = ahead.abs();
    put(out, format_args!("{sign}{:02}", ahead / 3600))?;
    if ahead % 3600 != 0 {
        put(out, format_args!(":{:02}", ahead / 60 % 60))?;
    }
    if ahead % 60 != 0 {
        put(out, format_args!(":{:02}", ahead % 60))?;
    }
    Ok(())
}

pub(super) fn timestamp_binary(micros: i64, out: &mut BytesMut) -> WireResult<()> {
    let shifted =
        micros.checked_sub(EPOCH_MICROS).filter(|_| micros.div_euclid(MICROS_OF_DAY) >= FIRST_DAY);
    out.put_i64(shifted.ok_or_else(|| overflow("timestamp"))?);
    Ok(())
}

pub(super) fn interval_text(value: IntervalMonthDayNano, out: &mut BytesMut) -> WireResult<()> {
    let micros = value.nanoseconds / 1000;
    let mut first = true;
    // After a negative part, PostgreSQL marks a positive one.
    let mut negative = false;
    let (years, months) = (value.months / 12, value.months % 12);
    for (count, name) in [(years, "year"), (months, "mon"), (value.days, "day")] {
        if count == 0 {
            continue;
        }
        let space = if first { "" } else { " " };
        let plus = if negative && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        put(out, format_args!("{space}{plus}{count} {name}{plural}"))?;
        first = false;
        negative = count < 0;
    }
    if micros == 0 && !first {
        return Ok(());
    }
    let space = if first { "" } else { " " };
    let sign = match (micros < 0, negative) {
        (true, _) => "-",
        (false, true) => "+",
        (false, false) => "",
    };
    put(out, format_args!("{space}{sign}"))?;
    let micros = i64::try_from(micros.unsigned_abs()).map_err(|_| overflow("interval"))?;
    put_clock(micros, out)
}

pub(super) fn interval_binary(value: IntervalMonthDayNano, out: &mut BytesMut) {
    out.put_i64(value.nanoseconds / 1000);
    out.put_i32(value.days);
    out.put_i32(value.months);
}

pub(super) fn parse_date(text: &str) -> WireResult<i32> {
    let date =
        NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").map_err(|_| wrong("date", text))?;
    let epoch = NaiveDate::default();
    i32::try_from(date.signed_duration_since(epoch).num_days()).map_err(|_| overflow("date"))
}

pub(super) fn read_date(days: i32) -> WireResult<i32> {
    if matches!(days, i32::MIN | i32::MAX) {
        return Err(WireError::unsupported("the date infinity"));
    }
    days.checked_add(EPOCH_DAYS).ok_or_else(|| overflow("date"))
}

pub(super) fn parse_time(text: &str) -> WireResult<i64> {
    let trimmed = text.trim();
    let time = ["%H:%M:%S%.f", "%H:%M"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(trimmed, form).ok())
        .ok_or_else(|| wrong("time", text))?;
    let nanos =
        i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(time.nanosecond());
    read_time(rounded(nanos))
}

pub(super) fn read_time(micros: i64) -> WireResult<i64> {
    if (0..MICROS_OF_DAY).contains(&micros) { Ok(micros) } else { Err(overflow("time")) }
}

/// To microseconds, as PostgreSQL rounds what it reads.
fn rounded(nanos: i64) -> i64 {
    nanos.div_euclid(1000) + i64::from(nanos.rem_euclid(1000) >= 500)
}

/// A text without the offset behind its time: `+02`, `-08:00`, `Z`.
fn without_offset(text: &str) -> &str {
    let Some(time) = text.find(':') else { return text };
    let (before, after) = text.split_at(time);
    let end = after.find(['+', '-', 'Z']).unwrap_or(after.len());
    let offset = after.get(end..).unwrap_or_default();
    let digits = offset.chars().filter(char::is_ascii_digit).count();
    let plain = offset.chars().skip(1).all(|c| c.is_ascii_digit() || c == ':');
    if offset == "Z" || (plain && matches!(digits, 2 | 4 | 6)) {
        return text.get(..before.len() + end).unwrap_or(text).trim_end();
    }
    text
}

/// A time without a zone. As in PostgreSQL, an offset that is written is of no account: drivers that do
/// not know the type write one.
pub(super) fn parse_timestamp(text: &str) -> WireResult<i64> {
    let trimmed = without_offset(text.trim());
    let forms =
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let found = forms
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(trimmed, form).ok())
        .or_else(|| {
            let date = NaiveDate::parse_from_str(trimmed, "%Y-%m-%d").ok()?;
            Some(date.and_time(NaiveTime::MIN))
        })
        .ok_or_else(|| wrong("timestamp", text))?;
    let utc = found.and_utc();
    Ok(utc.timestamp() * 1_000_000 + rounded(i64::from(utc.timestamp_subsec_nanos())))
}

/// A time with a zone; one without is in UTC.
pub(super) fn parse_timestamp_zoned(text: &str) -> WireResult<i64> {
    let found = string_to_datetime(&chrono::Utc, text.trim())
        .map_err(|_| wrong("timestamp with time zone", text))?;
    Ok(found.timestamp() * 1_000_000 + rounded(i64::from(found.timestamp_subsec_nanos())))
}

pub(super) fn read_timestamp(micros: i64) -> WireResult<i64> {
    if matches!(micros, i64::MIN | i64::MAX) {
        return Err(WireError::unsupported("the timestamp infinity"));
    }
    micros.checked_add(EPOCH_MICROS).ok_or_else(|| overflow("timestamp"))
}

/// Reads `1 year 2 mons -3 days 04:05:06.789`.
pub(super) fn parse_interval(text: &str) -> WireResult<IntervalMonthDayNano> {
    let wrong = || wrong("interval", text);
    let (clocks, words): (Vec<&str>, Vec<&str>) = text
        .split_ascii_whitespace()
        .map(|word| word.strip_prefix('+').unwrap_or(word))
        .partition(|word| word.contains(':'));
    let clock = match clocks.as_slice() {
        [] => 0,
        [clock] => parse_clock(clock).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    if words.is_empty() && !clocks.is_empty() {
        return Ok(IntervalMonthDayNano::new(0, 0, clock));
    }
    // A number without a unit is in seconds.
    let config = IntervalParseConfig::new(IntervalUnit::Second);
    let rest =
        parse_interval_month_day_nano_config(&words.join(" "), config).map_err(|_| wrong())?;
    let nanos = rest.nanoseconds.checked_add(clock).ok_or_else(|| overflow("interval"))?;
    Ok(IntervalMonthDayNano::new(rest.months, rest.days, nanos))
}

/// Nanoseconds of `[-]hours:minutes[:seconds]`.
fn parse_clock(text: &str) -> Option<i64> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (hours, rest) = unsigned.split_once(':')?;
    if !(1..=9).contains(&hours.len()) || !hours.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let time = ["%H:%M:%S%.f", "%H:%M"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(&format!("00:{rest}"), form).ok())?;
    let nanos =
        i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(time.nanosecond());
    let hours = hours.parse::<i64>().ok()?.checked_mul(3_600_000_000_000)?;
    hours.checked_add(nanos)?.checked_mul(sign)
}

pub(super) fn read_interval(
    micros: i64,
    days: i32,
    months: i32,
) -> WireResult<IntervalMonthDayNano> {
    let nanos = micros.checked_mul(1000).ok_or_else(|| overflow("interval"))?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shown(write: impl FnOnce(&mut BytesMut) -> WireResult<()>) -> String {
        let mut out = BytesMut::new();
        write(&mut out).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn dates_of_all_years() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (2_932_897, "10000-01-01"),
            (-719_528, "0001-01-01 BC"),
            (-719_162, "0001-01-01"),
            (-2_440_588, "4714-11-24 BC"),
        ] {
            assert_eq!(shown(|out| date_text(days, out)), text);
        }
        assert!(date_text(-2_440_589, &mut BytesMut::new()).is_err());
        assert!(date_binary(i32::MIN, &mut BytesMut::new()).is_err());
        assert_eq!(parse_date("2024-02-29").unwrap(), 19_782);
        assert!(parse_date("2023-02-29").is_err() && read_date(i32::MAX).is_err());
        assert_eq!(read_date(0).unwrap(), EPOCH_DAYS);
    }

    #[test]
    fn timestamps_in_zones() {
        let micros = parse_timestamp("2024-02-29 23:30:00.1234").unwrap();
        assert_eq!(shown(|out| timestamp_text(micros, None, out)), "2024-02-29 23:30:00.1234");
        let zone = |name: &str| Some(Zone::parse(name).unwrap());
        let text = |name: &str| shown(|out| timestamp_text(micros, zone(name), out));
        assert_eq!(text("UTC"), "2024-02-29 23:30:00.1234+00");
        assert_eq!(text("+05:30"), "2024-03-01 05:00:00.1234+05:30");
        assert_eq!(text("-08:00"), "2024-02-29 15:30:00.1234-08");
        assert_eq!(shown(|out| timestamp_text(-1, None, out)), "1969-12-31 23:59:59.999999");
        assert_eq!(parse_timestamp_zoned("2024-03-01 05:00:00.1234+05:30").unwrap(), micros);
        assert_eq!(parse_timestamp_zoned("2024-02-29 23:30:00.1234+00").unwrap(), micros);
        for offset in ["", "+02", "-08:00", "Z", " +0530"] {
            let text = format!("2024-02-29 23:30:00.1234{offset}");
            assert_eq!(parse_timestamp(&text).unwrap(), micros, "{text}");
        }
        for wrong in ["2024-02-29 23:30:00+", "2024-02-29 23:30:00+2x", "2024-02-29 23:30:00 UTC"] {
            assert!(parse_timestamp(wrong).is_err(), "{wrong}");
        }
        assert!(timestamp_text(i64::MIN, None, &mut BytesMut::new()).is_err());
        assert!(timestamp_binary(i64::MIN, &mut BytesMut::new()).is_err());
        assert!(Zone::parse("Nowhere/Land").is_none());
    }

    #[test]
    fn times_and_intervals() {
        assert_eq!(shown(|out| time_text(3_723_000_100, out)), "01:02:03.0001");
        assert_eq!(parse_time("01:02:03.0001").unwrap(), 3_723_000_100);
        assert!(parse_time("25:00:00").is_err() && time_text(-1, &mut BytesMut::new()).is_err());
        for (months, days, nanos, text) in [
            (0, 0, 0, "00:00:00"),
            (14, 3, 14_706_789_000_000, "1 year 2 mons 3 days 04:05:06.789"),
            (1, 0, 0, "1 mon"),
            (-1, 1, 0, "-1 mons +1 day"),
            (0, -1, 1_000_000_000, "-1 days +00:00:01"),
            (0, 0, -1_500_000_000, "-00:00:01.5"),
        ] {
            let value = IntervalMonthDayNano::new(months, days, nanos);
            assert_eq!(shown(|out| interval_text(value, out)), text);
            assert_eq!(parse_interval(text).unwrap(), value, "{text}");
        }
        assert_eq!(parse_interval("-0.5 hours").unwrap().nanoseconds, -1_800_000_000_000);
        let second = IntervalMonthDayNano::new(0, 0, 1_000_000_000);
        assert_eq!(parse_interval("1").unwrap(), second);
        assert_eq!(parse_interval("-25:00").unwrap().nanoseconds, -25 * 3_600_000_000_000);
        for wrong in ["", "x", "1 day 1:2:3 4:5:6", "1:x", ":1", "9999999999:00", "1 parsec"] {
            assert!(parse_interval(wrong).is_err(), "{wrong}");
        }
    }
}
