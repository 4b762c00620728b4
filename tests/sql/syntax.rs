//! Texts to statements.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, TableFactor, Visit, Visitor};
use nunatak::sql::error::{SqlError, SqlState};
use nunatak::sql::syntax::at::{self, At, AtKind, SEPARATOR};
use nunatak::sql::syntax::copy::{Copy, CopyWhat};
use nunatak::sql::syntax::named::{Declare, NamedStatement};
use nunatak::sql::syntax::own::OwnStatement;
use nunatak::sql::syntax::parse;
use nunatak::sql::syntax::statement::{Body, Parsed, VersionStatement};

#[path = "dbt.rs"]
mod dbt;
#[path = "hostile.rs"]
mod hostile;
#[path = "random.rs"]
mod random;
#[path = "refs.rs"]
mod refs;
#[path = "versions.rs"]
mod versions;

/// The tables of a statement as `name[@kind:value][ alias]`.
fn tables(sql: &str) -> Vec<String> {
    match one(sql).body {
        Body::Standard(statement) => sources(&statement),
        Body::Version(other) => vec![format!("{other:?}")],
        Body::Own(own) => match *own {
            OwnStatement::Copy(Copy { what: CopyWhat::Query(query), .. }) => sources(&query),
            OwnStatement::Named(
                NamedStatement::Declare(Declare { query: inner, .. })
                | NamedStatement::Prepare { statement: inner, .. },
            ) => tables(&inner.text),
            other => vec![format!("{other:?}")],
        },
    }
}

fn sources(statement: &ast::Statement) -> Vec<String> {
    struct Sources(Vec<String>);
    impl Visitor for Sources {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, alias, .. } = factor {
                let parts: Vec<String> =
                    name.0.iter().map(|part| part.as_ident().unwrap().value.clone()).collect();
                let (last, rest) = parts.split_last().unwrap();
                let (plain, at) = at::decode(last);
                let mut text = rest.join(".");
                if !rest.is_empty() {
                    text.push('.');
                }
                text.push_str(plain);
                if let Some(at) = at {
                    write!(text, "@{}:{}", at.kind.word(), at.value).unwrap();
                }
                if let Some(alias) = alias {
                    // Not as the parser shows it: that takes two quotes in a name for one.
                    let shown = match alias.name.quote_style {
                        Some(quote) => {
                            let value = alias.name.value.replace(quote, &format!("{quote}{quote}"));
                            format!("{quote}{value}{quote}")
                        }
                        None => alias.name.value.clone(),
                    };
                    write!(text, " {shown}").unwrap();
                }
                self.0.push(text);
            }
            ControlFlow::Continue(())
        }
    }
    let mut sources = Sources(Vec::new());
    assert!(statement.visit(&mut sources).is_continue());
    sources.0
}

fn one(sql: &str) -> Parsed {
    let mut parsed = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    assert_eq!(parsed.len(), 1, "{sql}");
    parsed.remove(0)
}

fn refused(sql: &str) -> SqlError {
    match parse(sql) {
        Ok(parsed) => panic!("{sql} was taken as {parsed:?}"),
        Err(error) => error,
    }
}
