//! The tables that statements are about, with few different values, many of them twice and some null.

use crate::random::Random;

/// Types that PostgreSQL and Nunatak both have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Int,
    Big,
    Numeric,
    Float,
    Text,
    Bool,
    Date,
    Timestamp,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Int,
        Self::Big,
        Self::Numeric,
        Self::Float,
        Self::Text,
        Self::Bool,
        Self::Date,
        Self::Timestamp,
    ];

    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Big => "bigint",
            Self::Numeric => "numeric(10, 2)",
            Self::Float => "double precision",
            Self::Text => "text",
            Self::Bool => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
        }
    }

    pub(crate) const fn number(self) -> bool {
        matches!(self, Self::Int | Self::Big | Self::Numeric | Self::Float)
    }

    /// A value written out.
    pub(crate) fn literal(self, random: &mut Random) -> String {
        match self {
            Self::Int => (random.below(9)).to_string(),
            Self::Big => format!("cast({} as bigint)", random.below(12)),
            Self::Numeric => (*random.one(&["0.50", "1.25", "2.00", "7.75", "10.01"])).to_owned(),
            Self::Float => {
                format!(
                    "cast({} as double precision)",
                    random.one(&["0.5", "1.25", "-2", "3", "0"])
                )
            }
            Self::Text => {
                format!("'{}'", random.one(&["a", "b", "ab", "Abc", "", " x", "a_b", "ä", "%"]))
            }
            Self::Bool => (*random.one(&["true", "false"])).to_owned(),
            Self::Date => {
                format!("date '2026-0{}-{:02}'", random.below(3) + 1, random.below(28) + 1)
            }
            Self::Timestamp => format!(
                "timestamp '2026-0{}-{:02} {:02}:30:00.5'",
                random.below(3) + 1,
                random.below(28) + 1,
                random.below(24)
            ),
        }
    }

    /// A value of a row, small numbers and few texts.
    fn value(self, random: &mut Random) -> String {
        if random.chance(15) {
            return "null".to_owned();
        }
        match self {
            Self::Int => (i64::try_from(random.below(14)).unwrap() - 3).to_string(),
            Self::Big => (i64::try_from(random.below(20)).unwrap() - 5).to_string(),
            Self::Float => format!(
                "cast({} as double precision)",
                random.one(&["0.5", "1.25", "-2", "3", "0", "7.5"])
            ),
            Self::Numeric => format!(
                "cast({} as numeric(10, 2))",
                random.one(&["0.50", "1.25", "-2.00", "7.75", "10.01", "0", "3"])
            ),
            other => other.literal(random),
        }
    }
}

/// A table with its columns.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<(&'static str, Kind)>,
    pub(crate) rows: usize,
}

impl Table {
    pub(crate) fn create(&self) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|(name, kind)| format!("{name} {}", kind.sql())).collect();
        format!("create table {} ({})", self.name, columns.join(", "))
    }

    /// Rows, the first column counting them.
    pub(crate) fn fill(&self, random: &mut Random) -> Option<String> {
        let row = |number: usize, random: &mut Random| {
            let values = self.columns[1..].iter().map(|(_, kind)| kind.value(random));
            let values: Vec<String> = values.collect();
            format!("select {number}, {}", values.join(", "))
        };
        // Types as of the columns, also where the first row is null.
        let nulls: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| format!("cast(null as {}) as {name}", kind.sql()))
            .collect();
        let rows: Vec<String> = (1..=self.rows).map(|number| row(number, random)).collect();
        (self.rows > 0).then(|| {
            let first = self.columns[0].0;
            let (name, rows) = (self.name, rows.join(" union all "));
            format!(
                "insert into {name} select * from (select {} union all {rows}) v where {first} is not null",
                nulls.join(", ")
            )
        })
    }
}

/// All tables.
pub(crate) fn tables() -> Vec<Table> {
    let all = vec![
        ("id", Kind::Int),
        ("i", Kind::Int),
        ("b", Kind::Big),
        ("n", Kind::Numeric),
        ("f", Kind::Float),
        ("s", Kind::Text),
        ("o", Kind::Bool),
        ("d", Kind::Date),
        ("t", Kind::Timestamp),
    ];
    let some = vec![
        ("id", Kind::Int),
        ("i", Kind::Int),
        ("n", Kind::Numeric),
        ("s", Kind::Text),
        ("d", Kind::Date),
    ];
    let few = vec![("id", Kind::Int), ("i", Kind::Int), ("s", Kind::Text), ("o", Kind::Bool)];
    vec![
        Table { name: "big1", columns: all.clone(), rows: 40 },
        Table { name: "big2", columns: all, rows: 25 },
        Table { name: "mid", columns: some, rows: 15 },
        Table { name: "few", columns: few.clone(), rows: 5 },
        Table { name: "none", columns: few, rows: 0 },
    ]
}
