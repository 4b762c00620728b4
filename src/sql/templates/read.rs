//! A time, read by a template.
//!
//! As PostgreSQL: blanks before a field are passed over, a separator in the template stands for any separator,
//! a number has all digits that follow if no other number comes next, and what follows the template is ignored.
//! Unlike it, a template without a year is refused, and so are patterns that say a day in another way than by
//! its month or its place in the year.

use chrono::{NaiveDate, NaiveDateTime};

use super::pattern::{Field, Part, Template};
use super::show::{DAYS, MONTHS};
use crate::sql::error::{SqlError, SqlResult, SqlState};

#[derive(Default)]
struct Found {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: u32,
    /// Whether an hour was read.
    clock: bool,
    twelve: bool,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    micros: u32,
}

/// Reads a time.
///
/// # Errors
/// `InvalidDatetimeFormat` where the text does not go with the template, `DatetimeFieldOverflow` for what no
/// calendar has, `FeatureNotSupported` for patterns that only show times.
pub(super) fn read(template: &Template, text: &str) -> SqlResult<NaiveDateTime> {
    let mut found = Found::default();
    let mut rest = text;
    for (at, part) in template.0.iter().enumerate() {
        match part {
            Part::Text(literal) => {
                for wanted in literal.chars() {
                    rest = passed(rest, wanted);
                }
            }
            Part::Field { ordinal: Some(_), .. } => {
                return Err(SqlError::unsupported("reading an ordinal number by a template"));
            }
            Part::Field { field, .. } => {
                let digits_follow = matches!(
                    template.0.get(at + 1),
                    Some(Part::Field { field, .. }) if width(*field).is_some()
                );
                rest = rest.trim_start();
                if rest.is_empty() {
                    // What is left out is as at its beginning.
                    return assembled(&found, text);
                }
                rest = one(*field, digits_follow, rest, text, &mut found)?;
            }
        }
    }
    assembled(&found, text)
}

/// What is left behind a character of the template.
fn passed(rest: &str, wanted: char) -> &str {
    let Some(first) = rest.chars().next() else { return rest };
    let separator = |character: char| character.is_ascii_punctuation() || character.is_whitespace();
    if first == wanted || !separator(wanted) || separator(first) {
        return rest.get(first.len_utf8()..).unwrap_or_default();
    }
    rest
}

/// How many digits a field has at most.
const fn width(field: Field) -> Option<usize> {
    Some(match field {
        Field::Year(digits) => digits as usize,
        Field::Month
        | Field::DayOfMonth
        | Field::Hour12
        | Field::Hour24
        | Field::Minute
        | Field::Second => 2,
        Field::Millisecond | Field::DayOfYear => 3,
        Field::Microsecond => 6,
        _ => return None,
    })
}

fn one<'t>(
    field: Field,
    digits_follow: bool,
    rest: &'t str,
    text: &str,
    found: &mut Found,
) -> SqlResult<&'t str> {
    if let Some(width) = width(field) {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = if digits_follow { digits.min(width) } else { digits };
        let (number, rest) = rest.split_at_checked(digits).unwrap_or((rest, ""));
        let value: u32 = match number.parse() {
            Ok(value) => value,
            Err(_) if number.is_empty() => return Err(invalid(text)),
            Err(_) => return Err(overflow(text)),
        };
        numeric(field, value, number.len(), text, found)?;
        return Ok(rest);
    }
    let named = |names: &[&str], short: bool| {
        names.iter().enumerate().find_map(|(at, name)| {
            let name = if short { name.get(..3)? } else { name };
            let begin = rest.get(..name.len())?;
            begin
                .eq_ignore_ascii_case(name)
                .then(|| (at, rest.get(name.len()..).unwrap_or_default()))
        })
    };
    match field {
        Field::MonthName | Field::MonthShort => {
            let (at, rest) =
                named(&MONTHS, field == Field::MonthShort).ok_or_else(|| invalid(text))?;
            found.month = u32::try_from(at + 1).ok();
            Ok(rest)
        }
        Field::DayName | Field::DayShort => {
            let (_, rest) = named(&DAYS, field == Field::DayShort).ok_or_else(|| invalid(text))?;
            Ok(rest)
        }
        Field::Meridiem | Field::MeridiemDotted => {
            let names: [&str; 2] =
                if field == Field::Meridiem { ["AM", "PM"] } else { ["A.M.", "P.M."] };
            let (at, rest) = named(&names, false).ok_or_else(|| invalid(text))?;
            found.afternoon = Some(at == 1);
            Ok(rest)
        }
        _ => Err(SqlError::unsupported("reading a time by a template with such a pattern")
            .with_hint("year, month, day, hour, minute, second and their parts are read")),
    }
}

fn numeric(
    field: Field,
    value: u32,
    digits: usize,
    text: &str,
    found: &mut Found,
) -> SqlResult<()> {
    match field {
        Field::Year(_) => {
            let year = i32::try_from(value).map_err(|_| overflow(text))?;
            found.year = Some(match digits {
                // The year nearest to 2020.
                1 | 2 => year + if year < 70 { 2000 } else { 1900 },
                3 => year + if year < 520 { 2000 } else { 1000 },
                _ => year,
            });
        }
        Field::Month => found.month = Some(value),
        Field::DayOfMonth => found.day = Some(value),
        Field::DayOfYear => found.day_of_year = Some(value),
        Field::Hour12 | Field::Hour24 => {
            found.hour = value;
            found.clock = true;
            found.twelve = field == Field::Hour12;
        }
        Field::Minute => found.minute = value,
        Field::Second => found.second = value,
        // `.5` is half a second.
        Field::Millisecond | Field::Microsecond => {
            let places = u32::try_from(digits).unwrap_or(6).min(6);
            let most = if field == Field::Millisecond { 3 } else { 6 };
            if digits > most {
                return Err(overflow(text));
            }
            found.micros = value.saturating_mul(10_u32.pow(6 - places));
        }
        _ => {}
    }
    Ok(())
}

fn assembled(found: &Found, text: &str) -> SqlResult<NaiveDateTime> {
    let Some(year) = found.year else {
        return Err(SqlError::unsupported("reading a time by a template without a year"));
    };
    let date = match found.day_of_year {
        Some(_) if found.month.is_some() || found.day.is_some() => {
            return Err(SqlError::unsupported("a template with the day of a month and of a year"));
        }
        Some(day) => NaiveDate::from_yo_opt(year, day),
        None => NaiveDate::from_ymd_opt(year, found.month.unwrap_or(1), found.day.unwrap_or(1)),
    };
    let twelve = found.twelve || found.afternoon.is_some();
    if twelve && !(1..=12).contains(&found.hour) && found.clock {
        return Err(invalid(text));
    }
    let hour = match found.afternoon {
        Some(afternoon) => found.hour % 12 + if afternoon { 12 } else { 0 },
        None if found.twelve => found.hour % 12,
        None => found.hour,
    };
    let time = date
        .and_then(|date| date.and_hms_micro_opt(hour, found.minute, found.second, found.micros));
    time.ok_or_else(|| overflow(text))
}

fn invalid(text: &str) -> SqlError {
    SqlError::new(
        SqlState::InvalidDatetimeFormat,
        format!("the text {} does not go with the template", crate::sql::copy::shown(text)),
    )
}

fn overflow(text: &str) -> SqlError {
    SqlError::new(
        SqlState::DatetimeFieldOverflow,
        format!("date/time field value out of range: {}", crate::sql::copy::shown(text)),
    )
}
