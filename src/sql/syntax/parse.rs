//! From a text to statements.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::apply::apply;
use super::definition;
use super::dialect::Postgres;
use super::lexemes::{Lexeme, lower_first, source, statements};
use super::refs;
use super::scan::{Scan, scan};
use super::statement::{Body, Parsed};
use super::words::{Cursor, end_position};
use super::{nothing, own};
use crate::base::limits::{SQL_RECURSION_MAX, SQL_STACK_BYTES, SQL_STACK_TOKENS};
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// Parses every statement of a text. A text without any gives an empty list; an error in one statement
/// is the error of the whole text, so that nothing of a text with an error runs.
///
/// # Errors
/// - `SyntaxError`, with the place in characters of the whole text where it is known.
/// - `ProgramLimitExceeded` for a text that is too long or nests too deep.
/// - `ReadOnly` for a write to a table at a version.
/// - `InvalidParameterValue` for a name that no branch, tag or commit can have.
/// - `FeatureNotSupported` for statements that are not carried out yet.
pub fn parse(text: &str) -> SqlResult<Vec<Parsed>> {
    statements(text)?
        .iter()
        .map(|lexemes| {
            let own = source(text, lexemes).to_owned();
            Ok(Parsed { text: own, body: body(text, lexemes)? })
        })
        .collect()
}

fn body(text: &str, lexemes: &[Lexeme]) -> SqlResult<Body> {
    if let Some(statement) = refs::parse(Cursor::new(text, lexemes, 0))? {
        return Ok(Body::Version(statement));
    }
    if let Some(statement) = own::parse(Cursor::new(text, lexemes, 0))? {
        return Ok(Body::Own(Box::new(statement)));
    }
    Ok(Body::Standard(Box::new(statement(text, lexemes)?)))
}

/// One statement that the parser knows.
pub(super) fn statement(text: &str, lexemes: &[Lexeme]) -> SqlResult<ast::Statement> {
    let arranged = definition::arrange(lexemes)?;
    let mut found =
        scan(text, arranged.as_ref().map_or(lexemes, |(arranged, _)| arranged.as_slice()))?;
    let tokens = nothing::replaced(std::mem::take(&mut found.tokens));
    let mut statement =
        standard(tokens, lexemes).map_err(|error| located(text, lexemes, &found, error))?;
    apply(&mut statement, &found)?;
    if let Some((_, notes)) = arranged {
        definition::restore(&mut statement, notes)?;
    }
    Ok(statement)
}

/// Types with commas between them.
pub(super) fn types(text: &str, lexemes: &[Lexeme]) -> SqlResult<Vec<ast::DataType>> {
    let tokens = lexemes.iter().map(Lexeme::for_parser).collect();
    let dialect = Postgres::default();
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(SQL_RECURSION_MAX)
        .with_tokens_with_locations(tokens);
    let parsed = parser
        .parse_comma_separated(Parser::parse_data_type)
        .and_then(|types| parser.expect_token(&Token::EOF).map(|_| types));
    parsed.map_err(|error| located(text, lexemes, &Scan::default(), error))
}

fn standard(tokens: Vec<TokenWithSpan>, lexemes: &[Lexeme]) -> Result<ast::Statement, ParserError> {
    let dialect = Postgres::default();
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(SQL_RECURSION_MAX)
        .with_tokens_with_locations(tokens);
    let statement = if lexemes.len() < SQL_STACK_TOKENS {
        parser.parse_statement()?
    } else {
        stacker::grow(SQL_STACK_BYTES, || parser.parse_statement())?
    };
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Ok(statement);
    }
    Err(ParserError::ParserError(format!(
        "Expected: end of statement, found: {}{}",
        next.token, next.span.start
    )))
}

/// The parser's error in our words, with its place.
fn located(text: &str, lexemes: &[Lexeme], scan: &Scan, error: ParserError) -> SqlError {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            return SqlError::new(
                SqlState::ProgramLimitExceeded,
                "the statement nests deeper than the parser can follow",
            );
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let (message, place) = split_place(&message);
    let position = match place {
        Some(place) => {
            let index = lexemes.partition_point(|lexeme| lexeme.span.start < place);
            lexemes.get(index).map(|lexeme| lexeme.position)
        }
        None if message.ends_with("EOF") => Some(end_position(text, lexemes)),
        None => None,
    };
    let words = lower_first(message)
        .replacen("expected: ", "expected ", 1)
        .replacen(", found: EOF", ", found the end of the statement", 1)
        .replacen(", found: ", ", found ", 1);
    let error = SqlError { position, ..SqlError::syntax(format!("syntax error: {words}")) };
    if scan.stray.is_some() {
        return error.with_hint(
            "a version stands directly behind the name of a table, before its alias, or at the end of a query",
        );
    }
    error
}

/// Cuts ` at Line: 1, Column: 2` off a message.
fn split_place(message: &str) -> (&str, Option<Location>) {
    let cut = message.rsplit_once(" at Line: ").and_then(|(words, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((words, Location::new(line.parse().ok()?, column.parse().ok()?)))
    });
    cut.map_or((message, None), |(words, place)| (words, Some(place)))
}
