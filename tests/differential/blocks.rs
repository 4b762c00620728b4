//! One SELECT of a random query: what it shows, grouped, numbered, or the first of each.

use crate::expressions::{Column, of};
use crate::files;
use crate::nested::{Made, Maker};
use crate::tables::Kind;

impl Maker<'_> {
    /// An expression of a type, most often a column.
    pub(crate) fn item(&mut self, kind: Kind, scope: &[Column]) -> String {
        let fitting: Vec<&Column> = scope.iter().filter(|column| column.kind == kind).collect();
        if !fitting.is_empty() && self.random.chance(80) {
            return self.random.one(&fitting).text.clone();
        }
        if self.random.chance(30) {
            // A text that is written out has no type yet for PostgreSQL.
            return format!("cast({} as {})", files::literal(kind, self.random), kind.sql());
        }
        let made = of(kind, 2, scope, self.random);
        if made.starts_with('\'') { format!("cast({made} as text)") } else { made }
    }

    pub(crate) fn wanted(&mut self, wanted: Option<&[Kind]>, scope: &[Column]) -> Vec<Kind> {
        match wanted {
            Some(kinds) => kinds.to_vec(),
            None => {
                (0..=self.random.below(4))
                    .map(|_| {
                        if self.random.chance(85) {
                            self.random.one(scope).kind
                        } else {
                            self.kind()
                        }
                    })
                    .collect()
            }
        }
    }

    /// One SELECT.
    pub(crate) fn block(
        &mut self,
        depth: usize,
        outer: &[Column],
        wanted: Option<&[Kind]>,
    ) -> Made {
        let joins = if depth == 0 {
            *self.random.one(&[0, 0, 1])
        } else {
            *self.random.one(&[0, 0, 1, 1, 1, 2, 2, 3])
        };
        let from = self.from(depth, outer, joins);
        let mut filters = Vec::new();
        if self.random.chance(45) {
            filters.push(self.predicate(&from.scope));
        }
        if self.random.chance(if depth == 0 { 8 } else { 35 }) {
            let found = self.lookup(depth, &from.scope);
            if self.random.chance(10) {
                filters.push(format!("({found} or {})", self.predicate(&from.scope)));
            } else {
                filters.push(found);
            }
        }
        if !outer.is_empty() && self.random.chance(40) {
            let outside = Self::visible(outer, &from.scope);
            if let Some((one, other, _)) = self.pair(&from.scope, &outside) {
                filters.push(format!("{one} = {other}"));
            }
        }
        let filter = if filters.is_empty() {
            String::new()
        } else {
            format!(" where {}", filters.join(" and "))
        };
        let tail = format!("from {}{filter}", from.text);
        let kinds = self.wanted(wanted, &from.scope);
        let names = self.names(kinds.len());
        let columns: Vec<(String, Kind)> = names.into_iter().zip(kinds.iter().copied()).collect();
        let made =
            |text, ordered| Made { text, columns: columns.clone(), ordered, rows: from.rows };
        let shown = |items: &[String]| {
            let items =
                items.iter().zip(&columns).map(|(item, (name, _))| format!("{item} as {name}"));
            items.collect::<Vec<_>>().join(", ")
        };
        match self.random.below(100) {
            0..=15 => {
                let (items, groups) = self.grouped(&kinds, &from.scope);
                made(format!("select {} {tail}{groups}", shown(&items)), false)
            }
            16..=25 => {
                // One of them: rows that are equal may come in one order here and in another there.
                let numbered = self.random.below(kinds.len());
                let items: Vec<String> = kinds
                    .iter()
                    .enumerate()
                    .map(|(at, kind)| {
                        if at == numbered {
                            self.window(*kind, &from.scope)
                        } else {
                            self.item(*kind, &from.scope)
                        }
                    })
                    .collect();
                made(format!("select {} {tail}", shown(&items)), false)
            }
            26..=33 => {
                let items: Vec<String> =
                    kinds.iter().map(|kind| self.item(*kind, &from.scope)).collect();
                made(format!("select distinct {} {tail}", shown(&items)), false)
            }
            34..=38 => made(self.first_of_each(&kinds, &from.scope, &tail, shown), true),
            _ => {
                let items: Vec<String> =
                    kinds.iter().map(|kind| self.item(*kind, &from.scope)).collect();
                made(format!("select {} {tail}", shown(&items)), false)
            }
        }
    }

    /// `SELECT DISTINCT ON`, ordered by all that it shows.
    pub(crate) fn first_of_each(
        &mut self,
        kinds: &[Kind],
        scope: &[Column],
        tail: &str,
        shown: impl Fn(&[String]) -> String,
    ) -> String {
        let mut items = Vec::new();
        let mut places = Vec::new();
        for (at, kind) in kinds.iter().enumerate() {
            let fitting: Vec<&Column> =
                scope.iter().filter(|column| column.kind == *kind).collect();
            if fitting.is_empty() {
                items.push(format!(
                    "cast({} as {})",
                    files::literal(*kind, self.random),
                    kind.sql()
                ));
            } else {
                items.push(self.random.one(&fitting).text.clone());
                places.push(at);
            }
        }
        if places.is_empty() || self.random.chance(40) {
            places = (0..items.len()).collect();
        }
        let by_place = places.len() == items.len();
        let keys: Vec<String> = places
            .iter()
            .map(|at| if by_place { (at + 1).to_string() } else { items[*at].clone() })
            .collect();
        let on = 1 + self.random.below(keys.len());
        let ways = ["", " desc", " nulls first"];
        let order: Vec<String> =
            keys.iter().map(|key| format!("{key}{}", self.random.one(&ways))).collect();
        format!(
            "select distinct on ({}) {} {tail} order by {}",
            keys[..on].join(", "),
            shown(&items),
            order.join(", ")
        )
    }

    pub(crate) fn grouped(&mut self, kinds: &[Kind], scope: &[Column]) -> (Vec<String>, String) {
        let mut keys = Vec::new();
        let mut items = Vec::new();
        for kind in kinds {
            let columns: Vec<&Column> =
                scope.iter().filter(|column| column.kind == *kind).collect();
            if !columns.is_empty() && self.random.chance(50) {
                let key = self.random.one(&columns).text.clone();
                if !keys.contains(&key) {
                    keys.push(key.clone());
                }
                items.push(key);
            } else {
                items.push(self.aggregate(*kind, scope));
            }
        }
        if self.random.chance(20) {
            let key = self.random.one(scope).text.clone();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let list = keys.join(", ");
        let mut text = match self.random.below(10) {
            _ if keys.is_empty() => String::new(),
            0 => format!(" group by rollup ({list})"),
            1 => format!(" group by cube ({list})"),
            2 if keys.len() > 1 => format!(" group by grouping sets (({list}), ({}), ())", keys[0]),
            2 => format!(" group by grouping sets (({list}), ())"),
            _ => format!(" group by {list}"),
        };
        if self.random.chance(30) {
            let column = self.random.one(scope).clone();
            if column.kind == Kind::Bool || self.random.chance(40) {
                text += &format!(" having count(*) > {}", self.random.below(4));
            } else {
                let value = files::literal(column.kind, self.random);
                let operator = self.random.one(&["<", ">=", "<>"]);
                text += &format!(" having max({}) {operator} {value}", column.text);
            }
        }
        (items, text)
    }

    /// An aggregate of a type.
    pub(crate) fn aggregate(&mut self, kind: Kind, scope: &[Column]) -> String {
        let any = self.random.one(scope).text.clone();
        let value = self.item(kind, scope);
        let call = match (kind, self.random.below(4)) {
            (Kind::Big, 0) => "count(*)".to_owned(),
            (Kind::Big, 1) => format!("count(distinct {any})"),
            (Kind::Big, 2) => format!("count({any})"),
            (Kind::Big, _) => format!("sum({})", self.item(Kind::Int, scope)),
            (Kind::Numeric, 0) => format!("sum({})", self.item(Kind::Big, scope)),
            (Kind::Numeric, 1) => format!("avg({})", self.item(Kind::Int, scope)),
            (Kind::Numeric | Kind::Float, 2) => format!("sum({value})"),
            (Kind::Bool, 0 | 1) => format!("bool_and({value})"),
            (Kind::Bool, _) => format!("bool_or({value})"),
            (Kind::Text, 0) => format!("string_agg({value}, ',' order by {value})"),
            (_, 0 | 1) => format!("min({value})"),
            _ => format!("max({value})"),
        };
        if self.random.chance(15) && call.ends_with(')') {
            return format!("{call} filter (where {})", self.predicate(scope));
        }
        call
    }

    /// A window function of a type, over rows in an order without ties but of equal rows.
    pub(crate) fn window(&mut self, kind: Kind, scope: &[Column]) -> String {
        let part = if self.random.chance(50) {
            format!("partition by {} ", self.random.one(scope).text)
        } else {
            String::new()
        };
        let key = self.random.one(scope).text.clone();
        let way = *self.random.one(&["", " desc", " nulls first"]);
        let all: Vec<&str> = scope.iter().map(|column| column.text.as_str()).collect();
        let total = format!("{part}order by {key}{way}, {}", all.join(", "));
        let value = self.item(kind, scope);
        let frame = *self.random.one(&[
            "",
            " rows between 2 preceding and current row",
            " rows between current row and unbounded following",
            " rows between unbounded preceding and unbounded following",
            " rows between 1 preceding and 1 following",
            " rows between 3 preceding and 1 preceding",
            " groups between 1 preceding and 1 following",
        ]);
        match (kind, self.random.below(6)) {
            (Kind::Big, 0) => format!("row_number() over ({total})"),
            (Kind::Big, 1) => format!("rank() over ({part}order by {key}{way})"),
            (Kind::Big, 2) => format!("dense_rank() over ({part}order by {key}{way})"),
            (Kind::Big, 3) => format!("count(*) over ({part})"),
            (Kind::Big, 4) => {
                let value = self.item(Kind::Int, scope);
                format!("sum({value}) over ({total}{frame})")
            }
            (Kind::Numeric, 0) => {
                let value = self.item(Kind::Int, scope);
                format!("avg({value}) over ({total}{frame})")
            }
            (_, 0) => format!("lag({value}) over ({total})"),
            (_, 1) => format!("lead({value}, 2) over ({total})"),
            (Kind::Bool, _) | (_, 2) => format!("first_value({value}) over ({total}{frame})"),
            (_, 3) => format!("last_value({value}) over ({total}{frame})"),
            (_, 4) => format!("max({value}) over ({part}order by {key}{way})"),
            _ => format!("min({value}) over ({total}{frame})"),
        }
    }
}
