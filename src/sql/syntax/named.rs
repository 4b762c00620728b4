//! Statements about what a session keeps under a name: cursors and prepared statements.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{DataType, Expr, Ident, SetExpr, Statement};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::lexemes::source;
use super::own::ident;
use super::parse::{statement, types};
use super::statement::{Body, Parsed};
use super::words::Cursor;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// Such a statement.
#[derive(Clone, PartialEq, Debug)]
pub enum NamedStatement {
    /// `DECLARE c [BINARY] [INSENSITIVE] [[NO] SCROLL] CURSOR [WITH HOLD] FOR query`
    Declare(Declare),
    /// `FETCH [direction] [FROM | IN] c`
    Fetch {
        /// The cursor.
        cursor: String,
        /// Which rows.
        direction: Direction,
    },
    /// `MOVE [direction] [FROM | IN] c`
    Move {
        /// The cursor.
        cursor: String,
        /// Over which rows.
        direction: Direction,
    },
    /// `CLOSE c`, `CLOSE ALL`
    Close {
        /// The cursor; all of them if none is named.
        cursor: Option<String>,
    },
    /// `PREPARE p [(type, …)] AS statement`
    Prepare {
        /// Its name.
        name: String,
        /// The types of the first parameters.
        types: Vec<DataType>,
        /// A query or a statement that changes rows.
        statement: Arc<Parsed>,
    },
    /// `EXECUTE p [(value, …)]`
    Execute {
        /// Its name.
        name: String,
        /// The values of its parameters.
        arguments: Vec<Expr>,
    },
    /// `DEALLOCATE [PREPARE] p`, `DEALLOCATE ALL`
    Deallocate {
        /// Its name; all of them if none is named.
        name: Option<String>,
    },
}

/// What a new cursor is.
#[derive(Clone, PartialEq, Debug)]
pub struct Declare {
    /// Its name.
    pub cursor: String,
    /// Whether rows are sent in binary where the protocol does not say.
    pub binary: bool,
    /// Whether it goes backwards; `None` if that was left open.
    pub scroll: Option<bool>,
    /// Whether it outlives its transaction.
    pub hold: bool,
    /// What it reads.
    pub query: Arc<Parsed>,
}

/// Which rows of a cursor, seen from where it stands. All of them are [`i64::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// So many of the next rows; backwards if negative, the current one if 0.
    Forward(i64),
    /// So many of the rows before; forward if negative, the current one if 0.
    Backward(i64),
    /// The row with this number, counted from the end if negative.
    Absolute(i64),
    /// The row so many rows on.
    Relative(i64),
}

/// Reads such a statement; `None` if it is none.
///
/// # Errors
/// `SyntaxError` with its place.
pub(super) fn parse(mut cursor: Cursor<'_>) -> SqlResult<Option<NamedStatement>> {
    let rule = RULES.iter().find(|(word, _)| cursor.at_words(&[word]));
    let Some((word, rule)) = rule else { return Ok(None) };
    cursor.take_words(&[word]);
    rule(&mut cursor).map(Some)
}

type Rule = fn(&mut Cursor<'_>) -> SqlResult<NamedStatement>;

const RULES: [(&str, Rule); 7] = [
    ("DECLARE", declare),
    ("FETCH", fetch),
    ("MOVE", moves),
    ("CLOSE", close),
    ("PREPARE", prepare),
    ("EXECUTE", execute),
    ("DEALLOCATE", deallocate),
];

fn declare(cursor: &mut Cursor<'_>) -> SqlResult<NamedStatement> {
    let name = name(cursor)?;
    let mut binary = false;
    let mut scroll = None;
    loop {
        let position = cursor.position();
        let wanted = if cursor.take_words(&["BINARY"]) {
            binary = true;
            continue;
        } else if cursor.take_words(&["INSENSITIVE"]) || cursor.take_words(&["ASENSITIVE"]) {
            // No cursor sees what is changed after it was declared.
            continue;
        } else if cursor.take_words(&["SCROLL"]) {
            true
        } else if cursor.take_words(&["NO", "SCROLL"]) {
            false
        } else {
            break;
        };
        if scroll.is_some_and(|before| before != wanted) {
            return Err(SqlError {
                position: Some(position),
                ..SqlError::new(
                    SqlState::InvalidCursorDefinition,
                    "cannot specify both SCROLL and NO SCROLL",
                )
            });
        }
        scroll = Some(wanted);
    }
    cursor.expect_words(&["CURSOR"])?;
    let hold = cursor.take_words(&["WITH", "HOLD"]);
    if !hold {
        cursor.take_words(&["WITHOUT", "HOLD"]);
    }
    cursor.expect_words(&["FOR"])?;
    let position = cursor.position();
    let query = inner(cursor)?;
    let reads = matches!(&query.body, Body::Standard(body)
        if matches!(body.as_ref(), Statement::Query(query) if !writes(&query.body)));
    if !reads {
        return Err(SqlError {
            position: Some(position),
            ..SqlError::syntax("syntax error: a cursor reads the rows of a query")
        });
    }
    Ok(NamedStatement::Declare(Declare { cursor: name, binary, scroll, hold, query }))
}

fn writes(body: &SetExpr) -> bool {
    matches!(body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_))
}

fn fetch(cursor: &mut Cursor<'_>) -> SqlResult<NamedStatement> {
    let (direction, cursor) = place(cursor)?;
    Ok(NamedStatement::Fetch { cursor, direction })
}

fn moves(cursor: &mut Cursor<'_>) -> SqlResult<NamedStatement> {
    let (direction, cursor) = place(cursor)?;
    Ok(NamedStatement::Move { cursor, direction })
}

/// `[direction] [FROM | IN] c`
fn place(cursor: &mut Cursor<'_>) -> SqlResult<(Direction, String)> {
    // A word by itself is a name, whatever it is.
    let alone = cursor.peek_at(1).is_none() && !cursor.at_words(&["ALL"]);
    let direction = if alone { Direction::Forward(1) } else { direction(cursor)? };
    let _from = cursor.take_words(&["FROM"]) || cursor.take_words(&["IN"]);
    let name = name(cursor)?;
    cursor.expect_end()?;
    Ok((direction, name))
}

fn direction(cursor: &mut Cursor<'_>) -> SqlResult<Direction> {
    const WORDS: [(&str, Direction); 5] = [
        ("NEXT", Direction::Forward(1)),
        ("PRIOR", Direction::Backward(1)),
        ("FIRST", Direction::Absolute(1)),
        ("LAST", Direction::Absolute(-1)),
        ("ALL", Direction::Forward(i64::MAX)),
    ];
    for (word, direction) in WORDS {
        if cursor.take_words(&[word]) {
            return Ok(direction);
        }
    }
    let needed = |cursor: &mut Cursor<'_>| {
        number(cursor)?.ok_or_else(|| cursor.expected("a number of rows"))
    };
    if cursor.take_words(&["ABSOLUTE"]) {
        return needed(cursor).map(Direction::Absolute);
    }
    if cursor.take_words(&["RELATIVE"]) {
        return needed(cursor).map(Direction::Relative);
    }
    if cursor.take_words(&["FORWARD"]) {
        return count(cursor).map(Direction::Forward);
    }
    if cursor.take_words(&["BACKWARD"]) {
        return count(cursor).map(Direction::Backward);
    }
    Ok(Direction::Forward(number(cursor)?.unwrap_or(1)))
}

/// `[count | ALL]`
fn count(cursor: &mut Cursor<'_>) -> SqlResult<i64> {
    if cursor.take_words(&["ALL"]) {
        return Ok(i64::MAX);
    }
    Ok(number(cursor)?.unwrap_or(1))
}

/// A whole number with a sign; `None` for anything else.
fn number(cursor: &mut Cursor<'_>) -> SqlResult<Option<i64>> {
    let position = cursor.position();
    let start = cursor.index;
    let negative = cursor.take(&Token::Minus);
    if !negative {
        cursor.take(&Token::Plus);
    }
    let Some(Token::Number(digits, _)) = cursor.peek().map(|lexeme| &lexeme.token) else {
        cursor.index = start;
        return Ok(None);
    };
    cursor.index += 1;
    let text = if negative { format!("-{digits}") } else { digits.clone() };
    match text.parse::<i64>() {
        Ok(number) if number != i64::MIN => Ok(Some(number)),
        _ => Err(Cursor::invalid(position, format!("{text} is no number of rows"))),
    }
}

fn close(cursor: &mut Cursor<'_>) -> SqlResult<NamedStatement> {
    let cursor = name_or_all(cursor)?;
    Ok(NamedStatement::Close { cursor })
}

fn prepare(cursor: &mut Cursor<'_>) -> SqlResult<NamedStatement> {
    let string = |token: &Token| matches!(token, Token::SingleQuotedString(_));
    if cursor.at_words(&["TRANSACTION"])
        && cursor.peek_at(1).is_some_and(|lexeme| string(&lexeme.token))
    {
        return Err(SqlError::unsupported("PREPARE TRANSACTION"));
    }
    let name = name(cursor)?;
    let declared = if cursor.take(&Token::LParen) {
        let start = cursor.index;
        let mut depth = 1_usize;
        while depth > 0 {
            match cursor.peek().map(|lexeme| &lexeme.token) {
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth -= 1,
                Some(_) => {}
                None => return Err(cursor.expected("')'")),
            }
            cursor.index += 1;
        }
        types(cursor.text, cursor.between(start, cursor.index - 1))?
    } else {
        Vec::new()
    };
    cursor.expect_words(&["AS"])?;
    let position = cursor.position();
    let statement = inner(cursor)?;
    let fine = matches!(&statement.body, Body::Standard(body) if matches!(
        body.as_ref(),
        Statement::Query(_)
            | Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Merge(_)
    ));
    if !fine {
        return Err(SqlError {
            position: Some(position),
            ..SqlError::syntax(
                "syntax error: a query, INSERT, UPDATE, DELETE or MERGE can be prepared",
            )
        });
    }
    Ok(NamedStatement::Prepare { name, types: declared, statement })
}

fn execute(cursor: &mut Cursor<'_>) -> SqlResult<NamedStatement> {
    let whole = cursor.index.saturating_sub(1);
    let name = name(cursor)?;
    if cursor.is_end() {
        return Ok(NamedStatement::Execute { name, arguments: Vec::new() });
    }
    if cursor.peek().is_none_or(|lexeme| lexeme.token != Token::LParen) {
        return Err(cursor.expected("'('"));
    }
    match statement(cursor.text, cursor.between(whole, usize::MAX))? {
        Statement::Execute {
            parameters,
            has_parentheses: true,
            immediate: false,
            into,
            using,
            output: false,
            default: false,
            ..
        } if into.is_empty() && using.is_empty() => {
            Ok(NamedStatement::Execute { name, arguments: parameters })
        }
        _ => Err(SqlError::syntax("syntax error: EXECUTE takes a name and values in brackets")),
    }
}

fn deallocate(cursor: &mut Cursor<'_>) -> SqlResult<NamedStatement> {
    if cursor.peek_at(1).is_some() {
        cursor.take_words(&["PREPARE"]);
    }
    let name = name_or_all(cursor)?;
    Ok(NamedStatement::Deallocate { name })
}

fn name_or_all(cursor: &mut Cursor<'_>) -> SqlResult<Option<String>> {
    let name = if cursor.take_words(&["ALL"]) { None } else { Some(name(cursor)?) };
    cursor.expect_end()?;
    Ok(name)
}

/// A name, folded if it is not quoted.
fn name(cursor: &mut Cursor<'_>) -> SqlResult<String> {
    let Ident { value, quote_style, .. } = ident(cursor)?;
    Ok(if quote_style.is_some() { value } else { value.to_lowercase() })
}

/// The statement that the rest of this one is.
fn inner(cursor: &Cursor<'_>) -> SqlResult<Arc<Parsed>> {
    if cursor.is_end() {
        return Err(cursor.expected("a statement"));
    }
    // One that the parser knows: none of these may stand in another.
    let rest = cursor.between(cursor.index, usize::MAX);
    let body = Body::Standard(Box::new(statement(cursor.text, rest)?));
    Ok(Arc::new(Parsed { text: source(cursor.text, rest).to_owned(), body }))
}
