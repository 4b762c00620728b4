//! A time, shown by a template.

use chrono::{Datelike as _, NaiveDateTime, Timelike as _};

use super::pattern::{Field, Letters, Part, Template};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(super) const ROMAN: [&str; 12] =
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
/// The Julian day before the first day of the year 1.
const JULIAN: i64 = 1_721_425;

/// Shows a time; one in UTC if it is a point in time, else one without a zone.
pub(super) fn show(template: &Template, time: NaiveDateTime, aware: bool) -> String {
    let mut shown = String::new();
    for part in &template.0 {
        match part {
            Part::Text(text) => shown.push_str(text),
            Part::Field { field, letters, plain, ordinal } => {
                let mut piece = one(*field, *letters, *plain, time, aware);
                if let Some(letters) = ordinal
                    && piece.bytes().all(|byte| byte.is_ascii_digit())
                {
                    piece.push_str(&written(ending(&piece), *letters));
                }
                shown.push_str(&piece);
            }
        }
    }
    shown
}

fn one(field: Field, letters: Letters, plain: bool, time: NaiveDateTime, aware: bool) -> String {
    let number = |value: i64, width: usize| match plain {
        true => value.to_string(),
        false => format!("{value:0width$}"),
    };
    let name = |name: &str, width: usize| {
        let name = written(name, letters);
        if plain || width == 0 { name } else { format!("{name:<width$}") }
    };
    let short = |name: &str| name.get(..3).unwrap_or(name).to_owned();
    // The year before the first is the first before Christ.
    let common = |year: i32| i64::from(if year > 0 { year } else { 1 - year });
    let years = |year: i64, digits: u8| {
        let width = usize::from(digits);
        number(if digits < 4 { year.rem_euclid(10_i64.pow(digits.into())) } else { year }, width)
    };
    let week = time.iso_week();
    let (month, weekday) = (time.month0() as usize, time.weekday().num_days_from_sunday() as usize);
    match field {
        Field::Hour12 => number(i64::from(time.hour12().1), 2),
        Field::Hour24 => number(time.hour().into(), 2),
        Field::Minute => number(time.minute().into(), 2),
        Field::Second => number(time.second().into(), 2),
        Field::Millisecond => format!("{:03}", time.nanosecond() / 1_000_000),
        Field::Microsecond => format!("{:06}", time.nanosecond() / 1000),
        Field::SecondsOfDay => time.num_seconds_from_midnight().to_string(),
        Field::Meridiem => name(if time.hour() < 12 { "AM" } else { "PM" }, 0),
        Field::MeridiemDotted => name(if time.hour() < 12 { "A.M." } else { "P.M." }, 0),
        Field::YearComma => {
            let year = common(time.year());
            format!("{},{:03}", year / 1000, year % 1000)
        }
        Field::Year(digits) => years(common(time.year()), digits),
        Field::IsoYear(digits) => years(common(week.year()), digits),
        Field::Era => name(if time.year() > 0 { "AD" } else { "BC" }, 0),
        Field::EraDotted => name(if time.year() > 0 { "A.D." } else { "B.C." }, 0),
        Field::MonthName => name(MONTHS.get(month).copied().unwrap_or_default(), 9),
        Field::MonthShort => name(&short(MONTHS.get(month).copied().unwrap_or_default()), 0),
        Field::Month => number(time.month().into(), 2),
        Field::MonthRoman => name(ROMAN.get(month).copied().unwrap_or_default(), 4),
        Field::DayName => name(DAYS.get(weekday).copied().unwrap_or_default(), 9),
        Field::DayShort => name(&short(DAYS.get(weekday).copied().unwrap_or_default()), 0),
        Field::DayOfYear => number(time.ordinal().into(), 3),
        Field::DayOfMonth => number(time.day().into(), 2),
        Field::DayOfWeek => (time.weekday().num_days_from_sunday() + 1).to_string(),
        Field::IsoDayOfWeek => time.weekday().number_from_monday().to_string(),
        Field::IsoDayOfYear => {
            let day = i64::from(week.week0()) * 7 + i64::from(time.weekday().number_from_monday());
            number(day, 3)
        }
        Field::WeekOfMonth => (time.day0() / 7 + 1).to_string(),
        Field::WeekOfYear => number(i64::from(time.ordinal0() / 7 + 1), 2),
        Field::IsoWeek => number(week.week().into(), 2),
        Field::Century => {
            let year = i64::from(time.year());
            let century = if year > 0 { (year + 99) / 100 } else { -((100 - year) / 100) };
            number(century, if century < 0 { 3 } else { 2 })
        }
        Field::JulianDay => (i64::from(time.num_days_from_ce()) + JULIAN).to_string(),
        Field::Quarter => (time.month0() / 3 + 1).to_string(),
        Field::Zone => name(if aware { "UTC" } else { "" }, 0),
        Field::ZoneHours | Field::ZoneOffset => "+00".to_owned(),
        Field::ZoneMinutes => "00".to_owned(),
    }
}

fn written(name: &str, letters: Letters) -> String {
    match letters {
        Letters::Upper => name.to_uppercase(),
        Letters::Capital => name.to_owned(),
        Letters::Lower => name.to_lowercase(),
    }
}

/// How an ordinal number ends.
fn ending(number: &str) -> &'static str {
    let mut digits = number.bytes().rev();
    let (last, before) = (digits.next(), digits.next());
    match (last, before) {
        (_, Some(b'1')) => "th",
        (Some(b'1'), _) => "st",
        (Some(b'2'), _) => "nd",
        (Some(b'3'), _) => "rd",
        _ => "th",
    }
}
