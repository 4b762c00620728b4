//! `CREATE TABLE` in the form that the parser takes.
//!
//! The parser knows the clauses behind the columns in one order and only some of their names, no list of
//! bare names before `AS`, and nothing behind the query. So clauses are put in its order under its names,
//! properties become one list, and what it has no place for is noted and put into its tree afterwards.

use std::ops::Range;

use datafusion::sql::sqlparser::ast::{
    ColumnDef, DataType, Expr, Ident, LimitClause, Statement, Value,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::lexemes::Lexeme;
use crate::sql::error::{SqlError, SqlResult};

/// What was taken out of a statement.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Names of columns before `AS`.
    names: Vec<Ident>,
    /// `WITH NO DATA`
    empty: bool,
}

/// Brings a statement into the parser's form; `None` if it is in it already.
pub(super) fn arrange(lexemes: &[Lexeme]) -> SqlResult<Option<(Vec<Lexeme>, Notes)>> {
    let Some(name) = table_name(lexemes) else { return Ok(None) };
    let mut notes = Notes::default();
    let mut out: Vec<Lexeme> = lexemes.get(..name.end).unwrap_or_default().to_vec();
    let mut index = name.end;
    let list = bracket(lexemes, index);
    if let Some(list) = &list {
        index = list.end;
    }
    let clauses = clauses(lexemes, index)?;
    let body = lexemes.get(clauses.end..).unwrap_or_default();
    let (body, empty) = without_data(body);
    notes.empty = empty;
    if let Some(list) = list {
        let columns = lexemes.get(list).unwrap_or_default();
        if let [_, like, source @ .., _] = columns
            && like.is_word("LIKE")
        {
            out.push(like.clone());
            out.extend_from_slice(source);
        } else if let Some(names) = bare_names(columns).filter(|_| !body.is_empty()) {
            notes.names = names;
        } else {
            out.extend_from_slice(columns);
        }
    }
    if !clauses.properties.is_empty() {
        let at = clauses.properties.first().map_or(index, |range| range.start);
        out.push(made(lexemes, at, "WITH")?);
        out.push(made(lexemes, at, "(")?);
        for (number, range) in clauses.properties.iter().enumerate() {
            if number > 0 {
                out.push(made(lexemes, at, ",")?);
            }
            out.extend_from_slice(lexemes.get(range.clone()).unwrap_or_default());
        }
        if let Some(comment) = clauses.comment {
            for text in [",", "comment", "="] {
                out.push(made(lexemes, comment, text)?);
            }
            out.extend(lexemes.get(comment).cloned());
        }
        out.push(made(lexemes, at, ")")?);
    } else if let Some(comment) = clauses.comment {
        for text in ["WITH", "(", "comment", "="] {
            out.push(made(lexemes, comment, text)?);
        }
        out.extend(lexemes.get(comment).cloned());
        out.push(made(lexemes, comment, ")")?);
    }
    if let Some(partitions) = clauses.partitions {
        out.push(made(lexemes, partitions.start, "PARTITION")?);
        out.push(made(lexemes, partitions.start, "BY")?);
        out.extend_from_slice(lexemes.get(partitions).unwrap_or_default());
    }
    for range in clauses.others {
        out.extend_from_slice(lexemes.get(range).unwrap_or_default());
    }
    out.extend_from_slice(body);
    Ok(Some((out, notes)))
}

/// Puts what was noted into the parser's tree.
pub(super) fn restore(statement: &mut Statement, notes: Notes) -> SqlResult<()> {
    let Statement::CreateTable(create) = statement else { return Ok(()) };
    create.columns.extend(notes.names.into_iter().map(|name| ColumnDef {
        name,
        data_type: DataType::Unspecified,
        options: Vec::new(),
    }));
    if notes.empty {
        let Some(query) = &mut create.query else {
            return Err(SqlError::syntax("syntax error: WITH NO DATA stands behind a query"));
        };
        if query.fetch.is_some() || !query.pipe_operators.is_empty() {
            return Err(SqlError::unsupported("WITH NO DATA behind FETCH FIRST")
                .with_hint("write LIMIT 0 instead"));
        }
        query.limit_clause = Some(LimitClause::LimitOffset {
            limit: Some(Expr::value(Value::Number("0".to_owned(), false))),
            offset: None,
            limit_by: Vec::new(),
        });
    }
    Ok(())
}

/// The lexemes up to the end of the new table's name.
fn table_name(lexemes: &[Lexeme]) -> Option<Range<usize>> {
    let is = |at: usize, word: &str| lexemes.get(at).is_some_and(|lexeme| lexeme.is_word(word));
    if !is(0, "CREATE") {
        return None;
    }
    const MODIFIERS: [&str; 5] = ["GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED"];
    let mut index = 1;
    while MODIFIERS.iter().any(|word| is(index, word)) {
        index += 1;
    }
    if !is(index, "TABLE") {
        return None;
    }
    index += 1;
    if is(index, "IF") && is(index + 1, "NOT") && is(index + 2, "EXISTS") {
        index += 3;
    }
    lexemes.get(index).filter(|lexeme| lexeme.is_any_word())?;
    while lexemes.get(index + 1).is_some_and(|next| next.token == Token::Period) {
        index += 2;
    }
    Some(0..index + 1)
}

/// The lexemes from a bracket to the one that closes it.
fn bracket(lexemes: &[Lexeme], at: usize) -> Option<Range<usize>> {
    lexemes.get(at).filter(|first| first.token == Token::LParen)?;
    let mut depth = 0_usize;
    for (index, lexeme) in lexemes.iter().enumerate().skip(at) {
        match lexeme.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(at..index + 1);
        }
    }
    None
}

/// What stands between the columns and the query.
#[derive(Default)]
struct Clauses {
    /// The insides of `WITH (…)` and `TBLPROPERTIES (…)`.
    properties: Vec<Range<usize>>,
    /// The string of `COMMENT '…'`.
    comment: Option<usize>,
    /// The brackets of `PARTITIONED BY (…)`.
    partitions: Option<Range<usize>>,
    others: Vec<Range<usize>>,
    end: usize,
}

fn clauses(lexemes: &[Lexeme], start: usize) -> SqlResult<Clauses> {
    let is = |at: usize, word: &str| lexemes.get(at).is_some_and(|lexeme| lexeme.is_word(word));
    let mut found = Clauses::default();
    let mut index = start;
    while index < lexemes.len() && !is(index, "AS") && !is(index, "SELECT") {
        let properties = is(index, "WITH") || is(index, "TBLPROPERTIES");
        let partitions =
            (is(index, "PARTITIONED") || is(index, "PARTITION")) && is(index + 1, "BY");
        if let Some(list) = bracket(lexemes, index + 1).filter(|_| properties) {
            let inner = list.start + 1..list.end - 1;
            if !inner.is_empty() {
                found.properties.push(inner);
            }
            index = list.end;
        } else if let Some(list) = bracket(lexemes, index + 2).filter(|_| partitions) {
            if found.partitions.is_some() {
                return Err(at(lexemes, index, "PARTITIONED BY stands there twice"));
            }
            index = list.end;
            found.partitions = Some(list);
        } else if is(index, "COMMENT") && is_string(lexemes, index + 1) {
            if found.comment.is_some() {
                return Err(at(lexemes, index, "COMMENT stands there twice"));
            }
            found.comment = Some(index + 1);
            index += 2;
        } else if is(index, "USING") && is(index + 1, "ICEBERG") {
            index += 2;
        } else {
            let end = bracket(lexemes, index).map_or(index + 1, |list| list.end);
            found.others.push(index..end);
            index = end;
        }
    }
    found.end = index;
    Ok(found)
}

fn is_string(lexemes: &[Lexeme], at: usize) -> bool {
    lexemes.get(at).is_some_and(|lexeme| {
        matches!(lexeme.token, Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_))
    })
}

fn at(lexemes: &[Lexeme], index: usize, message: &str) -> SqlError {
    let position = lexemes.get(index).map(|lexeme| lexeme.position);
    SqlError { position, ..SqlError::syntax(format!("syntax error: {message}")) }
}

/// A query without `WITH [NO] DATA` behind it, and whether it was `NO`.
fn without_data(body: &[Lexeme]) -> (&[Lexeme], bool) {
    match body {
        [query @ .., with, no, data]
            if with.is_word("WITH") && no.is_word("NO") && data.is_word("DATA") =>
        {
            (query, true)
        }
        [query @ .., with, data] if with.is_word("WITH") && data.is_word("DATA") => (query, false),
        all => (all, false),
    }
}

/// The names in `(a, b)`, if there is nothing else in it.
fn bare_names(list: &[Lexeme]) -> Option<Vec<Ident>> {
    let [_, inner @ .., _] = list else { return None };
    let names = inner.split(|lexeme| lexeme.token == Token::Comma).map(|item| match item {
        [Lexeme { token: Token::Word(word), span, .. }] => {
            Some(Ident { value: word.value.clone(), quote_style: word.quote_style, span: *span })
        }
        _ => None,
    });
    names.collect()
}

/// A lexeme that was not written, at the place of one that was.
fn made(lexemes: &[Lexeme], at: usize, text: &str) -> SqlResult<Lexeme> {
    let missing = || SqlError::syntax("syntax error: a clause has no content");
    let place = lexemes.get(at.min(lexemes.len().saturating_sub(1))).ok_or_else(missing)?;
    let dialect = PostgreSqlDialect {};
    let token = Tokenizer::new(&dialect, text)
        .tokenize()
        .ok()
        .and_then(|tokens| tokens.into_iter().next())
        .ok_or_else(missing)?;
    Ok(Lexeme { token, ..place.clone() })
}
