//! Random statements that change a table.

use crate::expressions::{Column, condition, of};
use crate::random::Random;
use crate::tables::{Kind, Table};

/// Which kinds are tried.
pub(crate) const KINDS: &[Change] = &[
    Change::Insert,
    Change::Delete,
    Change::Delete,
    Change::Update,
    Change::Update,
    Change::Merge,
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Insert,
    Delete,
    Update,
    Merge,
}

fn columns(table: &Table, alias: &str) -> Vec<Column> {
    let column =
        |(name, kind): &(&str, Kind)| Column { text: format!("{alias}.{name}"), kind: *kind };
    table.columns.iter().map(column).collect()
}

/// A statement that changes `target`, reading from others.
pub(crate) fn change(target: &Table, tables: &[Table], random: &mut Random) -> String {
    let kind = *random.one(KINDS);
    let text = match kind {
        Change::Insert => insert(target, tables, random),
        Change::Delete => delete(target, tables, random),
        Change::Update => update(target, tables, random),
        Change::Merge => merge(target, tables, random),
    };
    if kind == Change::Merge || random.chance(50) {
        return text;
    }
    let scope = columns(target, target.name);
    let items: Vec<String> =
        (0..=random.below(3)).map(|_| of(*random.one(&Kind::ALL), 1, &scope, random)).collect();
    format!("{text} returning {name}.*, {}", items.join(", "), name = target.name)
}

fn insert(target: &Table, tables: &[Table], random: &mut Random) -> String {
    let source = random.one(tables);
    let scope = columns(source, "y");
    let chosen: Vec<&(&str, Kind)> = target.columns.iter().filter(|_| random.chance(70)).collect();
    let chosen = if chosen.is_empty() { target.columns.iter().collect() } else { chosen };
    let names: Vec<&str> = chosen.iter().map(|(name, _)| *name).collect();
    let values: Vec<String> = chosen
        .iter()
        .map(|(_, kind)| format!("cast({} as {})", of(*kind, 1, &scope, random), kind.sql()))
        .collect();
    format!(
        "insert into {} ({}) select {} from {} y where {} and y.id < 9",
        target.name,
        names.join(", "),
        values.join(", "),
        source.name,
        condition(1, &scope, random)
    )
}

fn delete(target: &Table, tables: &[Table], random: &mut Random) -> String {
    let scope = columns(target, target.name);
    let source = random.one(tables);
    let name = target.name;
    match random.below(5) {
        0 | 1 => format!("delete from {name} where {}", condition(2, &scope, random)),
        2 => format!(
            "delete from {name} where i {} (select i from {} y where {})",
            random.one(&["in", "not in"]),
            source.name,
            condition(1, &columns(source, "y"), random)
        ),
        3 => {
            format!("delete from {name} using {} y where y.i = {name}.i and y.id > 2", source.name)
        }
        _ => format!(
            "delete from {name} where {} exists (select 1 from {} y where y.s = {name}.s)",
            random.one(&["", "not"]),
            source.name
        ),
    }
}

fn update(target: &Table, tables: &[Table], random: &mut Random) -> String {
    let scope = columns(target, target.name);
    let name = target.name;
    let (column, kind) = random.one(&target.columns[1..]);
    let value = |scope: &[Column], random: &mut Random| {
        format!("cast({} as {})", of(*kind, 1, scope, random), kind.sql())
    };
    match random.below(3) {
        0 | 1 => format!(
            "update {name} set {column} = {} where {}",
            value(&scope, random),
            condition(1, &scope, random)
        ),
        // Ids are there once, so there is one row to take a value from.
        _ => {
            let source = random.one(tables);
            let both: Vec<Column> = scope.into_iter().chain(columns(source, "y")).collect();
            format!(
                "update {name} set {column} = {} from {} y where y.id = {name}.i",
                value(&both, random),
                source.name
            )
        }
    }
}

fn merge(target: &Table, tables: &[Table], random: &mut Random) -> String {
    let source = random.one(tables);
    let name = target.name;
    let (column, kind) = random.one(&target.columns[1..]);
    let both: Vec<Column> = columns(target, name).into_iter().chain(columns(source, "y")).collect();
    let matched = match random.below(3) {
        0 => "when matched then delete".to_owned(),
        1 => format!(
            "when matched and {} then delete when matched then update set {column} = cast({} as {})",
            condition(1, &both, random),
            of(*kind, 1, &both, random),
            kind.sql()
        ),
        _ => format!(
            "when matched then update set {column} = cast({} as {})",
            of(*kind, 1, &both, random),
            kind.sql()
        ),
    };
    let missing = if random.chance(60) {
        " when not matched then insert (id, i) values (y.id + 100, y.i)"
    } else {
        ""
    };
    format!("merge into {name} using {} y on y.id = {name}.i {matched}{missing}", source.name)
}
