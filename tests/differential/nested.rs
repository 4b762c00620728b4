//! Random queries of queries: joined, looked up in each other, renamed, cut, combined, grouped, numbered.
//!
//! A query that is cut off is ordered by all that it shows, so every server shows the same rows.

use crate::expressions::Column;
use crate::files;
use crate::random::Random;
use crate::tables::{Kind, Table};

/// Names that columns are given, the same ones in all places.
const NAMES: [&str; 8] = ["id", "v", "fk", "name", "day", "k", "n", "ok"];
/// Rows that a join without an equality may have, estimated.
const PAIRS_MAX: usize = 3000;

/// A query, or anything else with columns.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) text: String,
    pub(crate) columns: Vec<(String, Kind)>,
    /// Whether rows are ordered by all that is shown.
    pub(crate) ordered: bool,
    pub(crate) rows: usize,
}

/// What queries are made of.
pub(crate) struct Maker<'a> {
    pub(crate) tables: &'a [Table],
    pub(crate) random: &'a mut Random,
    /// Queries that were named by `WITH`.
    named: Vec<Made>,
    aliases: usize,
}

/// What FROM names.
pub(crate) struct From {
    pub(crate) text: String,
    pub(crate) scope: Vec<Column>,
    pub(crate) rows: usize,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(tables: &'a [Table], random: &'a mut Random) -> Self {
        Self { tables, random, named: Vec::new(), aliases: 0 }
    }

    /// A query; what stands in it may refer to columns of those around it, and it shows columns of these types
    /// if any are wanted.
    pub(crate) fn query(
        &mut self,
        depth: usize,
        outer: &[Column],
        wanted: Option<&[Kind]>,
    ) -> Made {
        let made = match self.random.below(100) {
            0..=13 if depth > 0 => self.combined(depth, outer, wanted),
            14..=23 if depth > 0 && outer.is_empty() => return self.with(depth, wanted),
            _ => self.block(depth, outer, wanted),
        };
        if self.random.chance(if depth == 0 { 15 } else { 35 }) { self.cut(made) } else { made }
    }

    /// `ORDER BY` everything, and maybe `LIMIT`.
    pub(crate) fn cut(&mut self, made: Made) -> Made {
        if made.ordered {
            return made;
        }
        let ways = ["", " desc", " asc nulls first", " desc nulls last"];
        let mut places: Vec<usize> = (1..=made.columns.len()).collect();
        if self.random.chance(50) {
            places.reverse();
        }
        let order: Vec<String> =
            places.iter().map(|at| format!("{at}{}", self.random.one(&ways))).collect();
        let limit = match self.random.below(6) {
            0 => String::new(),
            1 => format!(" offset {}", self.random.below(5)),
            2 => format!(" limit {} offset {}", self.random.below(9), self.random.below(4)),
            3 => format!(" fetch first {} rows only", self.random.below(12)),
            _ => format!(" limit {}", self.random.below(12)),
        };
        let text = format!("{} order by {}{limit}", made.text, order.join(", "));
        Made { text, ordered: true, rows: made.rows.min(10), ..made }
    }

    pub(crate) fn combined(
        &mut self,
        depth: usize,
        outer: &[Column],
        wanted: Option<&[Kind]>,
    ) -> Made {
        let left = self.query(depth - 1, outer, wanted);
        let kinds: Vec<Kind> = left.columns.iter().map(|column| column.1).collect();
        let right = self.query(depth - 1, outer, Some(&kinds));
        let words = [
            "union",
            "union all",
            "union all",
            "intersect",
            "except",
            "intersect all",
            "except all",
        ];
        let word = self.random.one(&words);
        let text = format!("({}) {word} ({})", left.text, right.text);
        Made { text, ordered: false, rows: left.rows + right.rows, columns: left.columns }
    }

    /// A query with named ones, of which one is used twice now and then.
    pub(crate) fn with(&mut self, depth: usize, wanted: Option<&[Kind]>) -> Made {
        let before = self.named.len();
        let mut texts = Vec::new();
        for _ in 0..=self.random.below(2) {
            let made = self.query(depth - 1, &[], None);
            self.aliases += 1;
            let name = format!("w{}", self.aliases);
            texts.push(format!("{name} as ({})", made.text));
            self.named.push(Made { text: name, ..made });
        }
        let made = self.block(depth - 1, &[], wanted);
        let made = if self.random.chance(30) { self.cut(made) } else { made };
        self.named.truncate(before);
        Made { text: format!("with {} {}", texts.join(", "), made.text), ..made }
    }

    /// Names for so many columns.
    pub(crate) fn names(&mut self, count: usize) -> Vec<String> {
        let mut pool: Vec<&str> = NAMES.to_vec();
        (0..count)
            .map(|at| {
                if pool.is_empty() {
                    return format!("c{at}");
                }
                pool.swap_remove(self.random.below(pool.len())).to_owned()
            })
            .collect()
    }

    pub(crate) fn relation(&mut self, depth: usize, outer: &[Column]) -> Made {
        let of_table = |table: &Table| Made {
            text: table.name.to_owned(),
            columns: table.columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
            ordered: false,
            rows: table.rows * 4,
        };
        let outer = if self.random.chance(4) { outer } else { &[] };
        match self.random.below(100) {
            0..=19 if !self.named.is_empty() => self.random.one(&self.named).clone(),
            0..=34 if depth > 0 => {
                let made = self.query(depth - 1, outer, None);
                Made { text: format!("({})", made.text), ..made }
            }
            35..=44 if depth > 0 => self.renamed(),
            45..=49 => self.values(),
            _ => of_table(self.random.one(self.tables)),
        }
    }

    /// A table whose columns have each other's names.
    pub(crate) fn renamed(&mut self) -> Made {
        let table = self.random.one(self.tables);
        let mut columns: Vec<(String, Kind)> = Vec::new();
        let mut items = Vec::new();
        let count = table.columns.len();
        let step = self.random.below(count);
        for at in 0..count {
            let (name, (other, kind)) = (table.columns[at].0, table.columns[(at + step) % count]);
            items.push(format!("{other} as {name}"));
            columns.push((name.to_owned(), kind));
        }
        let mut text = format!("select {} from {}", items.join(", "), table.name);
        if self.random.chance(40) {
            let (other, kind) = *self.random.one(&table.columns);
            let scope = [Column { text: other.to_owned(), kind }];
            text = format!("{text} where {}", self.predicate(&scope));
        }
        Made { text: format!("({text})"), columns, ordered: false, rows: table.rows * 4 }
    }

    pub(crate) fn values(&mut self) -> Made {
        let kinds: Vec<Kind> = (0..=self.random.below(3)).map(|_| self.kind()).collect();
        let names = self.names(kinds.len());
        let rows: Vec<String> = (0..=self.random.below(4))
            .map(|_| {
                let values = kinds.iter().map(|kind| files::literal(*kind, self.random));
                format!("({})", values.collect::<Vec<_>>().join(", "))
            })
            .collect();
        let inner = format!("(values {}) u({})", rows.join(", "), names.join(", "));
        let columns: Vec<(String, Kind)> = names.into_iter().zip(kinds).collect();
        Made { text: format!("(select * from {inner})"), columns, ordered: false, rows: rows.len() }
    }

    pub(crate) fn kind(&mut self) -> Kind {
        use Kind::{Big, Date, Int, Text};
        if self.random.chance(65) {
            *self.random.one(&[Int, Int, Text, Big, Date])
        } else {
            *self.random.one(&Kind::ALL)
        }
    }

    /// A relation with its alias, which may hide one of the queries around.
    pub(crate) fn aliased(
        &mut self,
        depth: usize,
        outer: &[Column],
        taken: &mut Vec<String>,
    ) -> From {
        let made = self.relation(depth, outer);
        let bare = !made.text.starts_with('(') && !taken.contains(&made.text);
        let alias = if bare && self.random.chance(20) {
            made.text.clone()
        } else {
            let again: Vec<&str> = ["x", "y", "q"]
                .into_iter()
                .filter(|name| !taken.iter().any(|one| one == name))
                .collect();
            if !again.is_empty() && self.random.chance(50) {
                (*self.random.one(&again)).to_owned()
            } else {
                self.aliases += 1;
                format!("x{}", self.aliases)
            }
        };
        let text =
            if alias == made.text { alias.clone() } else { format!("{} {alias}", made.text) };
        let column =
            |(name, kind): &(String, Kind)| Column { text: format!("{alias}.{name}"), kind: *kind };
        let scope = made.columns.iter().map(column).collect();
        taken.push(alias);
        From { text, scope, rows: made.rows }
    }

    pub(crate) fn from(&mut self, depth: usize, outer: &[Column], joins: usize) -> From {
        let mut taken = Vec::new();
        let mut from = self.aliased(depth, outer, &mut taken);
        for _ in 0..joins {
            let mut new = self.aliased(depth.saturating_sub(1), outer, &mut taken);
            if self.random.chance(12) {
                new = self.joined(&new, depth, outer, &mut taken);
            }
            let words = ["join", "join", "left join", "right join", "full join", "cross join"];
            let mut word = *self.random.one(&words);
            let few = from.rows * new.rows < PAIRS_MAX;
            if word == "cross join" && !few {
                word = "join";
            }
            let both: Vec<Column> = from.scope.iter().chain(&new.scope).cloned().collect();
            from.text += &format!(" {word} {}", new.text);
            if word == "cross join" {
                from.rows *= new.rows;
            } else {
                let on = self.on(&from.scope, &new.scope, &both, word, few);
                from.text += &format!(" on {on}");
                from.rows = (from.rows + new.rows) * 2;
            }
            from.scope = both;
        }
        from
    }

    /// A join in parentheses.
    pub(crate) fn joined(
        &mut self,
        left: &From,
        depth: usize,
        outer: &[Column],
        taken: &mut Vec<String>,
    ) -> From {
        let right = self.aliased(depth.saturating_sub(1), outer, taken);
        let word = *self.random.one(&["join", "left join", "right join", "full join"]);
        let both: Vec<Column> = left.scope.iter().chain(&right.scope).cloned().collect();
        let on = self.on(&left.scope, &right.scope, &both, word, false);
        let text = format!("({} {word} {} on {on})", left.text, right.text);
        From { text, scope: both, rows: (left.rows + right.rows) * 2 }
    }
}
