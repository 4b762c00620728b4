//! Random expressions of a type over columns that can be seen.

use crate::random::Random;
use crate::tables::Kind;

/// A column that can be named: its text and type.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// An expression of a type.
pub(crate) fn of(kind: Kind, depth: usize, scope: &[Column], random: &mut Random) -> String {
    let columns: Vec<&Column> = scope.iter().filter(|column| column.kind == kind).collect();
    if depth == 0 || random.chance(25) {
        if !columns.is_empty() && random.chance(80) {
            return random.one(&columns).text.clone();
        }
        return if random.chance(6) {
            format!("cast(null as {})", kind.sql())
        } else {
            kind.literal(random)
        };
    }
    let depth = depth - 1;
    if random.chance(15) {
        return choice(kind, depth, scope, random);
    }
    match kind {
        Kind::Int | Kind::Big => whole(kind, depth, scope, random),
        Kind::Numeric => numeric(depth, scope, random),
        Kind::Float => float(depth, scope, random),
        Kind::Text => text(depth, scope, random),
        Kind::Bool => condition(depth, scope, random),
        Kind::Date => date(depth, scope, random),
        Kind::Timestamp => timestamp(depth, scope, random),
    }
}

fn choice(kind: Kind, depth: usize, scope: &[Column], random: &mut Random) -> String {
    let value = |random: &mut Random| of(kind, depth, scope, random);
    match random.below(4) {
        0 => format!("coalesce({}, {})", value(random), value(random)),
        1 => format!("nullif({}, {})", value(random), value(random)),
        2 => {
            let when = condition(depth, scope, random);
            format!("case when {when} then {} else {} end", value(random), value(random))
        }
        _ => {
            let (one, two) = (condition(depth, scope, random), condition(depth, scope, random));
            format!("case when {one} then {} when {two} then {} end", value(random), value(random))
        }
    }
}

fn whole(kind: Kind, depth: usize, scope: &[Column], random: &mut Random) -> String {
    let one = of(kind, depth, scope, random);
    let other = if random.chance(70) {
        of(kind, depth, scope, random)
    } else {
        of(Kind::Int, depth, scope, random)
    };
    match random.below(9) {
        0 | 1 => format!("({one} + {other})"),
        2 => format!("({one} - {other})"),
        3 => format!("({one} * {other})"),
        4 => format!("({one} / nullif({other}, 0))"),
        5 => format!("({one} % nullif({other}, 0))"),
        6 => format!("abs({one})"),
        7 => format!("(- {one})"),
        _ if kind == Kind::Int => match random.below(3) {
            0 => format!("length({})", of(Kind::Text, depth, scope, random)),
            1 => format!("cast({} as int)", of(Kind::Numeric, depth, scope, random)),
            _ => format!("cast({} as int)", of(Kind::Float, depth, scope, random)),
        },
        _ => format!("cast({} as bigint)", of(Kind::Numeric, depth, scope, random)),
    }
}

fn numeric(depth: usize, scope: &[Column], random: &mut Random) -> String {
    let one = of(Kind::Numeric, depth, scope, random);
    let kind = *random.one(&[Kind::Numeric, Kind::Numeric, Kind::Int, Kind::Big]);
    let other = of(kind, depth, scope, random);
    match random.below(7) {
        0 => format!("({one} + {other})"),
        1 => format!("({one} - {other})"),
        2 => format!("({one} * {other})"),
        3 => format!("({one} / nullif({other}, 0))"),
        4 => format!("round({one}, 1)"),
        5 => format!("cast({} as numeric(12, 3))", of(Kind::Int, depth, scope, random)),
        _ => format!("abs({one})"),
    }
}

fn float(depth: usize, scope: &[Column], random: &mut Random) -> String {
    let one = of(Kind::Float, depth, scope, random);
    let kind = *random.one(&[Kind::Float, Kind::Float, Kind::Int, Kind::Numeric]);
    let other = of(kind, depth, scope, random);
    match random.below(7) {
        0 => format!("({one} + {other})"),
        1 => format!("({one} - {other})"),
        2 => format!("({one} * {other})"),
        3 => format!("({one} / nullif({other}, 0))"),
        4 => format!("round({one})"),
        5 => format!("cast({} as double precision)", of(Kind::Numeric, depth, scope, random)),
        _ => format!("floor({one})"),
    }
}

fn text(depth: usize, scope: &[Column], random: &mut Random) -> String {
    let one = of(Kind::Text, depth, scope, random);
    let number = i64::try_from(random.below(5)).unwrap() - 1;
    match random.below(11) {
        0 => format!("({one} || {})", of(Kind::Text, depth, scope, random)),
        1 => format!("upper(replace({one}, 'ä', 'o'))"),
        2 => format!("lower(replace({one}, 'ä', 'o'))"),
        3 => format!("substr({one}, {number}, {})", random.below(4)),
        4 => format!("left({one}, {number})"),
        5 => format!("trim({one})"),
        6 => format!("replace({one}, 'a', 'xy')"),
        7 => format!("reverse({one})"),
        8 => {
            let kind = *random.one(&[
                Kind::Int,
                Kind::Big,
                Kind::Bool,
                Kind::Date,
                Kind::Timestamp,
                Kind::Float,
            ]);
            format!("cast({} as text)", of(kind, 0, scope, random))
        }
        9 => format!("lpad({one}, {}, 'z')", random.below(4) + 1),
        _ => format!("concat({one}, {})", of(Kind::Text, depth, scope, random)),
    }
}

fn date(depth: usize, scope: &[Column], random: &mut Random) -> String {
    let one = of(Kind::Date, depth, scope, random);
    match random.below(4) {
        0 => format!("({one} + {})", random.below(40)),
        1 => format!("({one} - {})", random.below(40)),
        2 => format!("cast({} as date)", of(Kind::Timestamp, depth, scope, random)),
        _ => format!(
            "cast(date_trunc('month', {}) as date)",
            of(Kind::Timestamp, depth, scope, random)
        ),
    }
}

fn timestamp(depth: usize, scope: &[Column], random: &mut Random) -> String {
    let one = of(Kind::Timestamp, depth, scope, random);
    let unit = random.one(&["1 month", "3 days", "90 minutes", "1 year", "1 day 2 hours"]);
    match random.below(5) {
        0 => format!("({one} + interval '{unit}')"),
        1 => format!("({one} - interval '{unit}')"),
        2 => format!("({} + interval '{unit}')", of(Kind::Date, depth, scope, random)),
        3 => format!("date_trunc('{}', {one})", random.one(&["hour", "day", "month", "year"])),
        _ => format!("cast({} as timestamp)", of(Kind::Date, depth, scope, random)),
    }
}

/// A condition.
pub(crate) fn condition(depth: usize, scope: &[Column], random: &mut Random) -> String {
    if depth == 0 {
        return compared(0, scope, random);
    }
    let depth = depth - 1;
    match random.below(11) {
        0 => {
            format!("({} and {})", condition(depth, scope, random), condition(depth, scope, random))
        }
        1 => {
            format!("({} or {})", condition(depth, scope, random), condition(depth, scope, random))
        }
        2 => format!("(not {})", condition(depth, scope, random)),
        3 => {
            let kind = *random.one(&Kind::ALL);
            let not = random.one(&["", "not "]);
            format!("({} is {not}null)", of(kind, depth, scope, random))
        }
        4 => {
            let kind = *random.one(&Kind::ALL);
            let not = random.one(&["", "not "]);
            let items: Vec<String> = (0..=random.below(3))
                .map(|_| if random.chance(10) { "null".to_owned() } else { kind.literal(random) })
                .collect();
            format!("({} {not}in ({}))", of(kind, depth, scope, random), items.join(", "))
        }
        5 => {
            let kind = *random.one(&Kind::ALL[..5]);
            let not = random.one(&["", "not "]);
            let value = of(kind, depth, scope, random);
            format!(
                "({value} {not}between {} and {})",
                kind.literal(random),
                of(kind, depth, scope, random)
            )
        }
        6 => {
            let pattern = random.one(&["a%", "%b", "_b", "%", "a\\_%", "", "%a%b%", "A%", "\\%"]);
            let like = random.one(&["like", "not like", "ilike"]);
            format!("({} {like} '{pattern}')", of(Kind::Text, depth, scope, random))
        }
        7 => {
            let kind = *random.one(&Kind::ALL);
            let not = random.one(&["", "not "]);
            let (one, two) = (of(kind, depth, scope, random), of(kind, depth, scope, random));
            format!("({one} is {not}distinct from {two})")
        }
        8 => {
            let what =
                random.one(&["is true", "is not true", "is false", "is unknown", "is not unknown"]);
            format!("({} {what})", condition(depth, scope, random))
        }
        _ => compared(depth, scope, random),
    }
}

fn compared(depth: usize, scope: &[Column], random: &mut Random) -> String {
    let kind = *random.one(&Kind::ALL);
    let other = if kind.number() && random.chance(30) {
        *random.one(&[Kind::Int, Kind::Big, Kind::Numeric, Kind::Float])
    } else if kind == Kind::Date && random.chance(20) {
        Kind::Timestamp
    } else {
        kind
    };
    let operator = random.one(&["=", "<>", "<", "<=", ">", ">="]);
    let (one, two) = (of(kind, depth, scope, random), of(other, depth, scope, random));
    format!("({one} {operator} {two})")
}
