//! Tables of several files, whose columns have the same names at other places and of other types.
//!
//! Values are numbers from a small range in the dress of each type, so that columns of any tables meet. Files
//! hold ranges apart from each other or the same ones, some nothing but nulls in a column, and some of them
//! were written again by an UPDATE or a DELETE.

use crate::random::Random;
use crate::tables::{Kind, Table};

/// Numbers behind values are below this.
pub(crate) const RANGE: usize = 36;
/// Files of a table, and rows of a file.
const FILES: usize = 4;

/// The value of a type that stands for a number, written out.
pub(crate) fn written(kind: Kind, number: usize) -> String {
    let (month, day) = (number / 28 + 1, number % 28 + 1);
    match kind {
        Kind::Int => number.to_string(),
        Kind::Big => format!("cast({number} as bigint)"),
        Kind::Numeric => {
            format!("cast({number}.{} as numeric(10, 2))", ["00", "25", "50"][number % 3])
        }
        Kind::Float => format!("cast({} as double precision)", f64_text(number)),
        Kind::Text => format!("'{}{}'", char::from(b"abcdefghijklm"[number / 3]), number % 3),
        Kind::Bool => (if number.is_multiple_of(2) { "true" } else { "false" }).to_owned(),
        Kind::Date => format!("date '2026-{month:02}-{day:02}'"),
        Kind::Timestamp => {
            let time = if number.is_multiple_of(2) { "00:00:00" } else { "12:30:00.25" };
            format!("timestamp '2026-{month:02}-{day:02} {time}'")
        }
    }
}

fn f64_text(number: usize) -> String {
    format!("{}{}", number, if number.is_multiple_of(2) { "" } else { ".5" })
}

/// A value that stands for about one number in `RANGE`, now and then null.
pub(crate) fn literal(kind: Kind, random: &mut Random) -> String {
    if random.chance(3) {
        return format!("cast(null as {})", kind.sql());
    }
    written(kind, random.below(RANGE))
}

/// The tables.
pub(crate) fn tables() -> Vec<Table> {
    use Kind::{Big, Bool, Date, Float, Int, Numeric, Text, Timestamp};
    let table = |name, rows, columns: &[(&'static str, Kind)]| Table {
        name,
        columns: columns.to_vec(),
        rows,
    };
    vec![
        table("d_a", 6, &[("id", Int), ("v", Int), ("name", Text), ("day", Date), ("k", Big)]),
        table("d_b", 5, &[("fk", Int), ("id", Int), ("v", Big), ("name", Text)]),
        table(
            "d_c",
            4,
            &[("name", Text), ("id", Big), ("day", Timestamp), ("fk", Int), ("n", Numeric)],
        ),
        table(
            "d_d",
            5,
            &[("v", Int), ("ok", Bool), ("id", Int), ("f", Float), ("n", Numeric), ("day", Date)],
        ),
        table("d_e", 0, &[("v", Int), ("id", Int), ("name", Text)]),
        table("d_f", 2, &[("id", Int), ("fk", Int), ("name", Text), ("ok", Bool)]),
        table("d_s", 2, &[("id", Int)]),
    ]
}

/// What makes a table and fills it.
pub(crate) fn fill(table: &Table, random: &mut Random) -> Vec<String> {
    let mut statements = vec![table.create()];
    let name = table.name;
    for file in 0..FILES {
        if table.rows == 0 {
            break;
        }
        // Where the numbers of a column lie in this file: from where, how many, how often null.
        let spans: Vec<(usize, usize, usize)> = table
            .columns
            .iter()
            .map(|_| {
                let nulls = *random.one(&[0, 0, 10, 25, 100]);
                match random.below(3) {
                    0 => (0, RANGE, nulls),
                    _ => (file * RANGE / FILES, RANGE / FILES, nulls),
                }
            })
            .collect();
        let rows: Vec<String> = (0..table.rows)
            .map(|_| {
                let values = table.columns.iter().zip(&spans).map(|((column, kind), span)| {
                    let nulls = if *column == "id" { span.2 / 10 } else { span.2 };
                    if random.chance(nulls) {
                        return format!("cast(null as {})", kind.sql());
                    }
                    written(*kind, span.0 + random.below(span.1))
                });
                format!("({})", values.collect::<Vec<_>>().join(", "))
            })
            .collect();
        statements.push(format!("insert into {name} values {}", rows.join(", ")));
    }
    if table.rows > 3 {
        let (first, second) = (random.below(RANGE), random.below(RANGE));
        statements.push(format!("delete from {name} where id = {first} or id = {second}"));
        let (column, kind) = random.one(&table.columns);
        let value = literal(*kind, random);
        statements.push(format!("update {name} set {column} = {value} where id % 7 = 3"));
    }
    statements
}

/// Views of the tables: what they are called, what they show, and the queries that they are.
pub(crate) fn views() -> Vec<(Table, &'static str)> {
    use Kind::{Big, Date, Int, Text};
    let view = |name, columns: &[(&'static str, Kind)]| Table {
        name,
        columns: columns.to_vec(),
        rows: 10,
    };
    vec![
        (
            view("v_swapped", &[("v", Int), ("id", Int), ("day", Date), ("name", Text)]),
            "select id as v, v as id, day, name from d_a",
        ),
        (
            view("v_joined", &[("id", Int), ("fk", Int), ("name", Text), ("v", Big)]),
            "select a.id, b.fk, b.name, b.v from d_a a left join d_b b on a.v = b.id and a.k < b.v",
        ),
        (
            view("v_grouped", &[("id", Int), ("v", Big), ("name", Text)]),
            "select fk as id, count(*) as v, max(name) as name from d_b group by fk having count(*) < 5",
        ),
        (
            view("v_both", &[("fk", Int), ("id", Int), ("name", Text)]),
            "select id as fk, fk as id, name from d_b union all select v, id, name from d_a",
        ),
    ]
}
