//! Reading lexemes one after the other: keywords, refs, strings, and errors that say where.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::lexemes::Lexeme;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// A place in the lexemes of a statement.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    /// The whole text, which lexemes point into.
    pub(super) text: &'a str,
    lexemes: &'a [Lexeme],
    /// The next lexeme.
    pub(super) index: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str, lexemes: &'a [Lexeme], index: usize) -> Self {
        Self { text, lexemes, index }
    }

    pub(super) fn peek(&self) -> Option<&'a Lexeme> {
        self.lexemes.get(self.index)
    }

    /// The one `ahead` places behind the next.
    pub(super) fn peek_at(&self, ahead: usize) -> Option<&'a Lexeme> {
        self.lexemes.get(self.index.checked_add(ahead)?)
    }

    /// The lexemes from one place to before another, or to the end.
    pub(super) fn between(&self, start: usize, end: usize) -> &'a [Lexeme] {
        self.lexemes.get(start..end.min(self.lexemes.len())).unwrap_or_default()
    }

    pub(super) fn is_end(&self) -> bool {
        self.peek().is_none()
    }

    /// Whether these unquoted words come next.
    pub(super) fn at_words(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(ahead, word)| self.peek_at(ahead).is_some_and(|lexeme| lexeme.is_word(word)))
    }

    /// Steps over these unquoted words if they come next.
    pub(super) fn take_words(&mut self, words: &[&str]) -> bool {
        let there = self.at_words(words);
        if there {
            self.index += words.len();
        }
        there
    }

    pub(super) fn take(&mut self, token: &Token) -> bool {
        let there = self.peek().is_some_and(|lexeme| lexeme.token == *token);
        if there {
            self.index += 1;
        }
        there
    }

    pub(super) fn expect_words(&mut self, words: &[&str]) -> SqlResult<()> {
        if self.take_words(words) { Ok(()) } else { Err(self.expected(&words.join(" "))) }
    }

    pub(super) fn expect(&mut self, token: &Token) -> SqlResult<()> {
        if self.take(token) { Ok(()) } else { Err(self.expected(&format!("'{token}'"))) }
    }

    pub(super) fn expect_end(&self) -> SqlResult<()> {
        if self.is_end() { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    /// A string.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        let (Token::SingleQuotedString(value) | Token::EscapedStringLiteral(value)) =
            &self.peek()?.token
        else {
            return None;
        };
        self.index += 1;
        Some(value)
    }

    /// A ref, branch, tag or commit: a string or quoted identifier as it is, or adjacent lexemes such as
    /// `ingest/2026-11`, folded to lower case except inside `@{…}`; no word that goes on with the
    /// statement.
    pub(super) fn reference(&mut self) -> Option<String> {
        if let Some(value) = self.string() {
            return Some(value.to_owned());
        }
        let first = self.peek()?;
        match &first.token {
            Token::Word(word) if word.quote_style.is_some() => {
                self.index += 1;
                return Some(word.value.clone());
            }
            Token::Word(_) | Token::Number(..) => {}
            _ => return None,
        }
        let before = self.index;
        let mut end = first.bytes.start;
        let mut inside = false;
        while let Some(lexeme) = self.peek() {
            let source = self.text.get(lexeme.bytes.clone())?;
            if lexeme.bytes.start != end || !belongs(source, &mut inside) {
                break;
            }
            end = lexeme.bytes.end;
            self.index += 1;
        }
        let written = self.text.get(first.bytes.start..end)?;
        if RESERVED.iter().any(|word| written.eq_ignore_ascii_case(word)) {
            self.index = before;
            return None;
        }
        Some(fold(written))
    }

    /// A syntax error at the next lexeme.
    pub(super) fn expected(&self, what: &str) -> SqlError {
        let found = self.peek().and_then(|lexeme| self.text.get(lexeme.bytes.clone()));
        let message = match found {
            Some(found) => format!("syntax error: expected {what}, found {}", short(found)),
            None => format!("syntax error: expected {what}, found the end of the statement"),
        };
        SqlError { position: Some(self.position()), ..SqlError::syntax(message) }
    }

    /// An error about a value that starts at `position`.
    pub(super) fn invalid(position: usize, message: impl Into<String>) -> SqlError {
        SqlError {
            position: Some(position),
            ..SqlError::new(SqlState::InvalidParameterValue, message)
        }
    }

    /// Where the next lexeme starts, or the statement ends.
    pub(super) fn position(&self) -> usize {
        self.peek().map_or_else(|| end_position(self.text, self.lexemes), |lexeme| lexeme.position)
    }
}

/// Words that are no name unless quoted, so that a forgotten name is noticed.
const RESERVED: [&str; 42] = [
    "AND",
    "AS",
    "AT",
    "CREATE",
    "CROSS",
    "ELSE",
    "EXCEPT",
    "FETCH",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIMIT",
    "NATURAL",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "RETURNING",
    "RIGHT",
    "SELECT",
    "SET",
    "THEN",
    "TO",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// The character behind the last lexeme.
pub(super) fn end_position(text: &str, lexemes: &[Lexeme]) -> usize {
    lexemes.last().map_or(1, |last| {
        let own = text.get(last.bytes.clone()).map_or(0, |source| source.chars().count());
        last.position.saturating_add(own)
    })
}

/// Whether a lexeme can be part of an unquoted ref. `inside` tells whether `@{` is open.
fn belongs(source: &str, inside: &mut bool) -> bool {
    if *inside {
        if source == "}" {
            *inside = false;
        }
        return !source.contains(['\'', '"', '(', ')', ';', ',']);
    }
    if source == "{" {
        *inside = true;
        return true;
    }
    source == "@"
        || source
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '/' | '-' | '~'))
}

fn fold(written: &str) -> String {
    match written.find('@') {
        None => written.to_ascii_lowercase(),
        Some(at) => {
            let (name, steps) = written.split_at(at);
            format!("{}{steps}", name.to_ascii_lowercase())
        }
    }
}

/// The start of a text, for messages.
fn short(found: &str) -> String {
    const SHOWN: usize = 40;
    if found.chars().count() <= SHOWN {
        return found.to_owned();
    }
    let start: String = found.chars().take(SHOWN).collect();
    format!("{start}…")
}
