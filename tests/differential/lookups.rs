//! Conditions of random queries: of joins, on columns, and those that ask other queries.

use crate::expressions::{Column, condition};
use crate::files;
use crate::nested::Maker;
use crate::tables::Kind;

impl Maker<'_> {
    /// A comparison, in parentheses or not.
    pub(crate) fn between(&mut self, one: &str, operator: &str, other: &str) -> String {
        if self.random.chance(50) {
            format!("({one} {operator} {other})")
        } else {
            format!("{one} {operator} {other}")
        }
    }

    /// Two columns of one type, or of two that compare.
    pub(crate) fn pair(
        &mut self,
        left: &[Column],
        right: &[Column],
    ) -> Option<(String, String, Kind)> {
        let mut pairs = Vec::new();
        for one in left {
            for other in right {
                let near = one.kind.number() && other.kind.number() && self.random.chance(40);
                if one.kind == other.kind && one.kind != Kind::Bool || near {
                    pairs.push((one.text.clone(), other.text.clone(), one.kind));
                }
            }
        }
        (!pairs.is_empty()).then(|| self.random.one(&pairs).clone())
    }

    pub(crate) fn on(
        &mut self,
        left: &[Column],
        right: &[Column],
        both: &[Column],
        word: &str,
        few: bool,
    ) -> String {
        let mut parts = Vec::new();
        let equals = if few && word != "full join" {
            self.random.below(3)
        } else {
            1 + self.random.below(2)
        };
        for _ in 0..equals {
            if let Some((one, other, _)) = self.pair(left, right) {
                let distinct = self.random.chance(12);
                let operator = if distinct { "is not distinct from" } else { "=" };
                parts.push(self.between(&one, operator, &other));
            }
        }
        if self.random.chance(25)
            && let Some((one, other, _)) = self.pair(left, right)
        {
            let operator = *self.random.one(&["<>", "<", ">=", "is distinct from", "<="]);
            parts.push(self.between(&one, operator, &other));
        }
        if self.random.chance(20) {
            parts.push(self.predicate(both));
        }
        if parts.is_empty() { "true".to_owned() } else { parts.join(" and ") }
    }

    /// A condition on columns, without queries.
    pub(crate) fn predicate(&mut self, scope: &[Column]) -> String {
        if scope.is_empty() || self.random.chance(20) {
            return condition(1, scope, self.random);
        }
        let column = self.random.one(scope).clone();
        let name = &column.text;
        let operators = ["=", "<>", "<", "<=", ">", ">=", "<", ">"];
        match self.random.below(8) {
            0 => format!("{name} is {}null", self.random.one(&["", "not "])),
            1 => {
                let items: Vec<String> = (0..=self.random.below(4))
                    .map(|_| files::literal(column.kind, self.random))
                    .collect();
                format!("{name} {}in ({})", self.random.one(&["", "not "]), items.join(", "))
            }
            2 if column.kind != Kind::Bool => {
                let start = self.random.below(files::RANGE / 2);
                let end = start + self.random.below(files::RANGE / 2);
                let (start, end) =
                    (files::written(column.kind, start), files::written(column.kind, end));
                format!("{name} between {start} and {end}")
            }
            3 => match self.pair(scope, scope) {
                Some((one, other, _)) => format!("{one} {} {other}", self.random.one(&operators)),
                None => format!("{name} is not null"),
            },
            4 => {
                let (one, two) = (self.predicate(scope), self.predicate(scope));
                format!("({one} or {two})")
            }
            5 => format!("not ({})", self.predicate(scope)),
            _ => {
                let value = files::literal(column.kind, self.random);
                format!("{name} {} {value}", self.random.one(&operators))
            }
        }
    }

    /// What is left of the columns around where a query in FROM hides them.
    pub(crate) fn visible(outer: &[Column], inner: &[Column]) -> Vec<Column> {
        let alias = |column: &Column| column.text.split('.').next().unwrap_or_default().to_owned();
        let hidden: Vec<String> = inner.iter().map(alias).collect();
        outer.iter().filter(|column| !hidden.contains(&alias(column))).cloned().collect()
    }

    /// A condition with a query in it.
    pub(crate) fn lookup(&mut self, depth: usize, scope: &[Column]) -> String {
        let joins = *self.random.one(&[0, 0, 0, 1]);
        let from = self.from(depth.saturating_sub(1), scope, joins);
        let outside = Self::visible(scope, &from.scope);
        let mut filters = Vec::new();
        let refers = self.random.chance(65);
        let way = self.random.below(12);
        if refers {
            for _ in 0..=self.random.below(2) {
                if let Some((one, other, _)) = self.pair(&from.scope, &outside) {
                    let any = ["=", "=", "<>", "<", ">=", "is not distinct from", "="];
                    let operator = if way >= 8 { "=" } else { *self.random.one(&any) };
                    filters.push(self.between(&one, operator, &other));
                }
            }
        }
        if self.random.chance(50) {
            filters.push(self.predicate(&from.scope));
        }
        if refers && way < 8 && self.random.chance(10) {
            let all: Vec<Column> = from.scope.iter().chain(&outside).cloned().collect();
            filters.push(self.predicate(&all));
        }
        if depth > 1 && self.random.chance(35) {
            let all: Vec<Column> = if self.random.chance(20) && way < 8 {
                from.scope.iter().chain(&outside).cloned().collect()
            } else {
                from.scope.clone()
            };
            filters.push(self.lookup(depth - 1, &all));
        }
        let filter = if filters.is_empty() {
            String::new()
        } else {
            format!(" where {}", filters.join(" and "))
        };
        let tail = format!("from {}{filter}", from.text);
        let not = *self.random.one(&["", "not "]);
        let shown = self.random.one(&from.scope).text.clone();
        let pair = self.pair(&outside, &from.scope);
        match (way, pair) {
            (0..=3, _) | (_, None) => {
                let shown = *self.random.one(&["1", shown.as_str(), "*"]);
                format!("{not}exists (select {shown} {tail})")
            }
            (4 | 5, Some((one, other, _))) => format!("{one} in (select {other} {tail})"),
            (6 | 7, Some((one, other, _))) => format!("{one} not in (select {other} {tail})"),
            (8, Some((one, other, kind))) if !refers && kind != Kind::Bool => {
                let operator = self.random.one(&["=", "<>", "<", ">="]);
                let word = self.random.one(&["any", "all"]);
                format!("{one} {operator} {word} (select {other} {tail})")
            }
            (9, _) => {
                let operator = self.random.one(&["=", "<", ">", "<>"]);
                format!("(select count(*) {tail}) {operator} {}", self.random.below(4))
            }
            (_, Some((one, other, _))) => {
                let (call, operator) =
                    (self.random.one(&["max", "min"]), self.random.one(&["=", "<", ">=", "<>"]));
                format!("{one} {operator} (select {call}({other}) {tail})")
            }
        }
    }
}
