//! Random statements, in parts that can be left out one by one when one of them fails.

use crate::expressions::{Column, condition, of};
use crate::random::Random;
use crate::tables::{Kind, Table};

/// A query of one `SELECT`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Select {
    pub(crate) with: Vec<String>,
    pub(crate) distinct: bool,
    pub(crate) items: Vec<String>,
    pub(crate) from: String,
    pub(crate) filters: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) having: Option<String>,
    /// A query that is combined with this one, with the word between them.
    pub(crate) combined: Option<(String, String)>,
    /// Whether rows are ordered by all columns.
    pub(crate) ordered: Option<String>,
    pub(crate) limit: Option<String>,
}

impl Select {
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if !self.with.is_empty() {
            text += &format!("with {} ", self.with.join(", "));
        }
        text += if self.distinct { "select distinct " } else { "select " };
        let items: Vec<String> =
            self.items.iter().enumerate().map(|(at, item)| format!("{item} as c{at}")).collect();
        text += &items.join(", ");
        text += &format!(" from {}", self.from);
        if !self.filters.is_empty() {
            text += &format!(" where {}", self.filters.join(" and "));
        }
        if !self.groups.is_empty() {
            text += &format!(" group by {}", self.groups.join(", "));
        }
        if let Some(having) = &self.having {
            text += &format!(" having {having}");
        }
        if let Some((word, other)) = &self.combined {
            text += &format!(" {word} {other}");
        }
        if let Some(order) = &self.ordered {
            text += &format!(" order by {order}");
        }
        if let Some(limit) = &self.limit {
            text += &format!(" {limit}");
        }
        text
    }

    /// The same without one of its parts.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut push = |change: &dyn Fn(&mut Self)| {
            let mut one = self.clone();
            change(&mut one);
            all.push(one);
        };
        if self.combined.is_some() {
            push(&|one| one.combined = None);
        }
        if self.limit.is_some() {
            push(&|one| one.limit = None);
        }
        if self.limit.is_none() && self.ordered.is_some() {
            push(&|one| one.ordered = None);
        }
        if self.having.is_some() {
            push(&|one| one.having = None);
        }
        if self.distinct {
            push(&|one| one.distinct = false);
        }
        for at in 0..self.filters.len() {
            push(&|one| drop(one.filters.remove(at)));
        }
        if self.items.len() > 1 && self.combined.is_none() && self.ordered.is_none() {
            for at in 0..self.items.len() {
                push(&|one| drop(one.items.remove(at)));
            }
        }
        all
    }
}

fn columns(table: &Table, alias: &str) -> Vec<Column> {
    let column =
        |(name, kind): &(&str, Kind)| Column { text: format!("{alias}.{name}"), kind: *kind };
    table.columns.iter().map(column).collect()
}

/// A table, or several that are joined; the columns that can be seen.
fn from(tables: &[Table], random: &mut Random) -> (String, Vec<Column>) {
    let first = random.one(tables);
    let mut text = format!("{} x0", first.name);
    let mut scope = columns(first, "x0");
    let joins = *random.one(&[0, 0, 0, 1, 1, 2]);
    for at in 1..=joins {
        let table = random.one(tables);
        let alias = format!("x{at}");
        let new = columns(table, &alias);
        let word =
            *random.one(&["join", "left join", "right join", "full join", "cross join", "join"]);
        let both: Vec<Column> = scope.iter().chain(&new).cloned().collect();
        text += &format!(" {word} {} {alias}", table.name);
        if word != "cross join" {
            let kind = *random.one(&[Kind::Int, Kind::Int, Kind::Text]);
            let old: Vec<&Column> = scope.iter().filter(|column| column.kind == kind).collect();
            let fresh: Vec<&Column> = new.iter().filter(|column| column.kind == kind).collect();
            let mut on = format!("{} = {}", random.one(&old).text, random.one(&fresh).text);
            if word == "join" && random.chance(10) {
                on = on.replace(" = ", " is not distinct from ");
            } else if word != "full join" && random.chance(30) {
                on += &format!(" and {}", condition(1, &both, random));
            }
            text += &format!(" on {on}");
        }
        scope = both;
    }
    (text, scope)
}

/// A condition with a query in it.
fn with_query(tables: &[Table], scope: &[Column], random: &mut Random) -> String {
    let table = random.one(tables);
    let inner = columns(table, "q");
    let kind = *random.one(&[Kind::Int, Kind::Int, Kind::Text]);
    let column = |of: &[Column], random: &mut Random| {
        let fitting: Vec<&Column> = of.iter().filter(|column| column.kind == kind).collect();
        random.one(&fitting).text.clone()
    };
    let (outside, inside) = (column(scope, random), column(&inner, random));
    let mut filter = condition(1, &inner, random);
    let correlated = random.chance(50);
    if correlated {
        filter = format!("{} = {} and {filter}", column(&inner, random), column(scope, random));
    }
    let name = table.name;
    match random.below(9) {
        8 if !correlated => {
            let (other_outside, other_inside) = (column(scope, random), column(&inner, random));
            let not = random.one(&["", "not "]);
            format!(
                "({outside}, {other_outside}) {not}in \
                 (select {inside}, {other_inside} from {name} q where {filter})"
            )
        }
        0 | 1 => format!("{outside} in (select {inside} from {name} q where {filter})"),
        2 | 3 => format!("{outside} not in (select {inside} from {name} q where {filter})"),
        4 => format!("exists (select 1 from {name} q where {filter})"),
        5 => format!("not exists (select 1 from {name} q where {filter})"),
        6 if !correlated => {
            let operator = random.one(&["=", "<>", "<", ">", "<=", ">="]);
            let word = random.one(&["any", "all"]);
            format!("{outside} {operator} {word} (select {inside} from {name} q where {filter})")
        }
        _ => {
            let call = random.one(&["max", "min"]);
            let operator = random.one(&["=", "<", ">=", "<>"]);
            format!("{outside} {operator} (select {call}({inside}) from {name} q where {filter})")
        }
    }
}

fn order(items: usize, random: &mut Random) -> String {
    let word = ["", " desc", " asc nulls first", " desc nulls last"];
    let columns: Vec<String> =
        (1..=items).map(|number| format!("{number}{}", random.one(&word))).collect();
    columns.join(", ")
}

fn aggregate(scope: &[Column], random: &mut Random) -> String {
    let distinct = if random.chance(15) { "distinct " } else { "" };
    let kind = *random.one(&[Kind::Int, Kind::Int, Kind::Big, Kind::Numeric]);
    let any = *random.one(&Kind::ALL);
    let comparable = if any == Kind::Bool { Kind::Text } else { any };
    let call = match random.below(9) {
        0 => "count(*)".to_owned(),
        1 => format!("count({distinct}{})", of(any, 1, scope, random)),
        2 | 3 => format!("sum({distinct}{})", of(kind, 1, scope, random)),
        4 => format!("avg({})", of(kind, 1, scope, random)),
        5 => format!("min({})", of(comparable, 1, scope, random)),
        6 => format!("max({})", of(comparable, 1, scope, random)),
        7 => format!("bool_or({})", condition(1, scope, random)),
        _ => format!("sum({})", of(Kind::Float, 0, scope, random)),
    };
    if random.chance(20) {
        return format!("{call} filter (where {})", condition(1, scope, random));
    }
    call
}

fn window(scope: &[Column], ids: &str, random: &mut Random) -> String {
    let partition = if random.chance(60) {
        let kind = *random.one(&[Kind::Int, Kind::Text]);
        format!("partition by {} ", of(kind, 0, scope, random))
    } else {
        String::new()
    };
    let key =
        of(*random.one(&[Kind::Int, Kind::Numeric, Kind::Text, Kind::Date]), 0, scope, random);
    let way = random.one(&["", " desc", " nulls first"]);
    let total = format!("{partition}order by {key}{way}, {ids}");
    let value = of(*random.one(&[Kind::Int, Kind::Numeric]), 1, scope, random);
    let frame = random.one(&[
        "",
        " rows between 2 preceding and current row",
        " rows between current row and unbounded following",
        " rows between unbounded preceding and unbounded following",
        " rows between 1 preceding and 1 following",
    ]);
    match random.below(9) {
        8 => format!("ntile({}) over ({total})", random.below(5) + 1),
        0 => format!("row_number() over ({total})"),
        1 => format!("rank() over ({partition}order by {key}{way})"),
        2 => format!("dense_rank() over ({partition}order by {key}{way})"),
        3 => format!("lag({value}) over ({total})"),
        4 => format!("lead({value}, 2) over ({total})"),
        5 => format!("sum({value}) over ({partition}order by {key}{way})"),
        6 => format!(
            "{}({value}) over ({total}{frame})",
            random.one(&["sum", "count", "min", "max", "avg"])
        ),
        _ => {
            format!("{}({value}) over ({total}{frame})", random.one(&["first_value", "last_value"]))
        }
    }
}

/// A query.
pub(crate) fn query(tables: &[Table], random: &mut Random) -> Select {
    let (from, scope) = from(tables, random);
    let mut select = Select { from, ..Select::default() };
    for _ in 0..random.below(3) {
        select.filters.push(if random.chance(35) {
            with_query(tables, &scope, random)
        } else {
            condition(2, &scope, random)
        });
    }
    match random.below(10) {
        0..=3 => plain(&mut select, tables, &scope, random),
        4..=6 => grouped(&mut select, &scope, random),
        7 | 8 => {
            select.items.push("x0.id".to_owned());
            let joined: Vec<String> = scope
                .iter()
                .filter(|column| column.text.ends_with(".id"))
                .map(|column| column.text.clone())
                .collect();
            for _ in 0..=random.below(2) {
                select.items.push(window(&scope, &joined.join(", "), random));
            }
        }
        _ => combined(&mut select, tables, &scope, random),
    }
    if random.chance(40) {
        select.ordered = Some(order(select.items.len(), random));
        if random.chance(50) {
            let offset = if random.chance(30) { " offset 2" } else { "" };
            select.limit = Some(format!("limit {}{offset}", random.below(8)));
        }
    }
    select
}

fn plain(select: &mut Select, tables: &[Table], scope: &[Column], random: &mut Random) {
    for _ in 0..=random.below(3) {
        select.items.push(of(*random.one(&Kind::ALL), 3, scope, random));
    }
    if random.chance(15) {
        let table = random.one(tables);
        let inner = columns(table, "v");
        let call = random.one(&["count(*)", "max(v.i)", "min(v.s)"]);
        let key = of(Kind::Int, 0, scope, random);
        let filter = if key.starts_with('x') {
            format!("v.i = {key}")
        } else {
            condition(1, &inner, random)
        };
        select.items.push(format!("(select {call} from {} v where {filter})", table.name));
    }
    if random.chance(12) {
        let table = random.one(tables);
        let inner = columns(table, "w");
        let value = of(Kind::Int, 0, scope, random);
        let not = random.one(&["", "not "]);
        let filter = condition(1, &inner, random);
        select
            .items
            .push(format!("{value} {not}in (select w.i from {} w where {filter})", table.name));
    }
    select.distinct = random.chance(20);
}

fn grouped(select: &mut Select, scope: &[Column], random: &mut Random) {
    for _ in 0..random.below(3) {
        let kind = *random.one(&Kind::ALL);
        let key = of(kind, 1, scope, random);
        // Constants in GROUP BY are places of columns.
        if key.contains('.') && key.contains('x') {
            select.groups.push(key.clone());
            select.items.push(key);
        }
    }
    for _ in 0..=random.below(3) {
        select.items.push(aggregate(scope, random));
    }
    if random.chance(30) {
        select.having = Some(format!("count(*) > {}", random.below(4)));
    }
}

fn combined(select: &mut Select, tables: &[Table], scope: &[Column], random: &mut Random) {
    let kinds: Vec<Kind> = (0..=random.below(2)).map(|_| *random.one(&Kind::ALL)).collect();
    select.items = kinds.iter().map(|kind| of(*kind, 1, scope, random)).collect();
    let (from, other) = from(tables, random);
    let items: Vec<String> = kinds.iter().map(|kind| of(*kind, 1, &other, random)).collect();
    let word =
        *random.one(&["union", "union all", "intersect", "except", "intersect all", "except all"]);
    let filter = condition(1, &other, random);
    let text = format!("select {} from {from} where {filter}", items.join(", "));
    select.combined = Some((word.to_owned(), text));
}
