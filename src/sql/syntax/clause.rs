//! One version: `AT COMMIT '…'` and its relatives.
//!
//! ```text
//! AT [(] COMMIT | BRANCH | TAG | TIMESTAMP | REF | SNAPSHOT [=>] value [)]
//! [FOR] VERSION | SYSTEM_VERSION AS OF 123 | 'ref'
//! [FOR] TIMESTAMP | SYSTEM_TIME AS OF [TIMESTAMP] '…'
//! ```

use datafusion::sql::sqlparser::tokenizer::Token;

use super::at::{At, AtKind};
use super::lexemes::Lexeme;
use super::words::Cursor;
use crate::sql::error::{SqlError, SqlResult};

/// Whether a version starts here, going by its first words.
pub(super) fn looks_like(cursor: Cursor<'_>) -> bool {
    at_kind(cursor).is_some() || as_of(cursor).is_some()
}

/// The version that starts here and the index behind it; `None` if none starts here.
///
/// # Errors
/// `SyntaxError` for one without a proper value, `InvalidParameterValue` for a snapshot that is no
/// number.
pub(super) fn behind_table(cursor: Cursor<'_>) -> SqlResult<Option<(At, usize)>> {
    if let Some((kind, in_brackets, mut cursor)) = at_kind(cursor) {
        cursor.take(&Token::RArrow);
        let at = At { kind, value: value(kind, &mut cursor)? };
        if in_brackets {
            cursor.expect(&Token::RParen)?;
        }
        return Ok(Some((at, cursor.index)));
    }
    let Some((time, mut cursor)) = as_of(cursor) else {
        return Ok(None);
    };
    let kind = match cursor.peek().map(|lexeme| &lexeme.token) {
        _ if time => AtKind::Timestamp,
        Some(Token::Number(..)) => AtKind::Snapshot,
        Some(Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_)) => AtKind::Ref,
        _ => return Err(expected_value(&cursor, "a snapshot id or the name of a ref in quotes")),
    };
    let at = At { kind, value: value(kind, &mut cursor)? };
    Ok(Some((at, cursor.index)))
}

/// `AT [(] kind`, whether there is a bracket, and the place behind.
fn at_kind(mut cursor: Cursor<'_>) -> Option<(AtKind, bool, Cursor<'_>)> {
    if !cursor.take_words(&["AT"]) {
        return None;
    }
    let in_brackets = cursor.take(&Token::LParen);
    let kind = cursor.peek().and_then(Lexeme::unquoted).and_then(AtKind::from_word)?;
    cursor.index += 1;
    // `FROM orders at (tag, branch)`: an alias and its columns.
    let columns =
        matches!(cursor.peek().map(|lexeme| &lexeme.token), Some(Token::Comma | Token::RParen));
    (!(in_brackets && columns)).then_some((kind, in_brackets, cursor))
}

/// `[FOR] VERSION AS OF`, whether it is about time, and the place behind.
fn as_of(mut cursor: Cursor<'_>) -> Option<(bool, Cursor<'_>)> {
    cursor.take_words(&["FOR"]);
    for (word, time) in
        [("VERSION", false), ("SYSTEM_VERSION", false), ("TIMESTAMP", true), ("SYSTEM_TIME", true)]
    {
        if cursor.take_words(&[word, "AS", "OF"]) {
            return Some((time, cursor));
        }
    }
    None
}

fn value(kind: AtKind, cursor: &mut Cursor<'_>) -> SqlResult<String> {
    match kind {
        AtKind::Timestamp => {
            if cursor.take_words(&["TIMESTAMP"]) {
                let _optional = cursor.take_words(&["WITH", "TIME", "ZONE"])
                    || cursor.take_words(&["WITHOUT", "TIME", "ZONE"]);
            } else {
                cursor.take_words(&["TIMESTAMPTZ"]);
            }
            let text = cursor.string().map(str::to_owned);
            text.ok_or_else(|| expected_value(cursor, "a time in quotes"))
        }
        AtKind::Snapshot => {
            let position = cursor.position();
            let text = match cursor.peek().map(|lexeme| &lexeme.token) {
                Some(Token::Number(number, false)) => {
                    cursor.index += 1;
                    number.clone()
                }
                _ => cursor
                    .string()
                    .map(str::to_owned)
                    .ok_or_else(|| expected_value(cursor, "the number of a snapshot"))?,
            };
            if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.parse::<i64>().is_err() {
                return Err(Cursor::invalid(position, format!("'{text}' is no snapshot id")));
            }
            Ok(text)
        }
        AtKind::Commit | AtKind::Branch | AtKind::Tag | AtKind::Ref => {
            let what = match kind {
                AtKind::Commit => "a commit id",
                AtKind::Branch => "the name of a branch",
                AtKind::Tag => "the name of a tag",
                _ => "a ref",
            };
            let position = cursor.position();
            let text = cursor.reference().ok_or_else(|| expected_value(cursor, what))?;
            if text.is_empty() {
                return Err(Cursor::invalid(
                    position,
                    format!("expected {what}, found nothing in it"),
                ));
            }
            Ok(text)
        }
    }
}

fn expected_value(cursor: &Cursor<'_>, what: &str) -> SqlError {
    let error = cursor.expected(what);
    match cursor.peek().map(|lexeme| &lexeme.token) {
        Some(Token::Placeholder(_)) => {
            error.with_hint("a version is part of the statement and cannot be a parameter")
        }
        _ => error,
    }
}
