//! From a text to statements of lexemes, each with its place in the text.
//!
//! The tokenizer is the parser's own. Here: comments and white space go, the text is cut at semicolons,
//! strings become what the parser understands everywhere, and texts that only serve to exhaust memory or
//! stack are refused before the parser recurses into them.

use std::ops::Range;

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::at::SEPARATOR;
use crate::base::limits::{
    SQL_DEPTH_MAX, SQL_OPERATORS_MAX, SQL_STATEMENTS_MAX, SQL_STEPS_MAX, SQL_TEXT_BYTES_MAX,
};
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// A token and where it stands in the text.
#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    /// The token; never white space.
    pub(super) token: Token,
    /// Lines and columns, as the parser counts them.
    pub(super) span: Span,
    /// Bytes of the text.
    pub(super) bytes: Range<usize>,
    /// The first character, counted from 1 over the whole text.
    pub(super) position: usize,
}

impl Lexeme {
    /// The word in capitals, if it is an unquoted one.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.unquoted().is_some_and(|own| own.eq_ignore_ascii_case(word))
    }

    /// An unquoted word, as written.
    pub(super) fn unquoted(&self) -> Option<&str> {
        match &self.token {
            Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
            _ => None,
        }
    }

    /// Whether it is an identifier or keyword, quoted or not.
    pub(super) const fn is_any_word(&self) -> bool {
        matches!(self.token, Token::Word(_))
    }

    /// What the parser gets.
    pub(super) fn for_parser(&self) -> TokenWithSpan {
        TokenWithSpan { token: self.token.clone(), span: self.span }
    }
}

/// The statements of a text; empty ones are left out.
pub(super) fn statements(text: &str) -> SqlResult<Vec<Vec<Lexeme>>> {
    if text.len() > SQL_TEXT_BYTES_MAX {
        return Err(limit(format!(
            "the text of {} bytes is longer than {SQL_TEXT_BYTES_MAX}",
            text.len()
        )));
    }
    let mut statements = Vec::new();
    let mut current = Vec::new();
    for lexeme in lexemes(text)? {
        if lexeme.token != Token::SemiColon {
            current.push(lexeme);
        } else if !current.is_empty() {
            statements.push(std::mem::take(&mut current));
        }
        if statements.len() + usize::from(!current.is_empty()) > SQL_STATEMENTS_MAX {
            return Err(limit(format!("a text has at most {SQL_STATEMENTS_MAX} statements")));
        }
    }
    if !current.is_empty() {
        statements.push(current);
    }
    statements.iter().try_for_each(|statement| check_shape(statement))?;
    Ok(statements)
}

/// The text from the first to the last lexeme.
pub(super) fn source<'a>(text: &'a str, lexemes: &[Lexeme]) -> &'a str {
    match (lexemes.first(), lexemes.last()) {
        (Some(first), Some(last)) => text.get(first.bytes.start..last.bytes.end).unwrap_or(""),
        _ => "",
    }
}

fn lexemes(text: &str) -> SqlResult<Vec<Lexeme>> {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| {
        let mut places = Places::new(text);
        SqlError {
            position: Some(places.find(error.location).0.saturating_add(1)),
            ..SqlError::syntax(format!("syntax error: {}", lower_first(&error.message)))
        }
    })?;
    let mut places = Places::new(text);
    let mut lexemes = Vec::with_capacity(tokens.len() / 2);
    for TokenWithSpan { token, span } in tokens {
        if matches!(token, Token::Whitespace(_) | Token::EOF) {
            continue;
        }
        let (character, start) = places.find(span.start);
        let (_, end) = places.find(span.end);
        let position = character.saturating_add(1);
        let token = plain(token, position)?;
        lexemes.push(Lexeme { token, span, bytes: start..end, position });
    }
    Ok(lexemes)
}

/// Strings in the form that the parser takes at every place where PostgreSQL does.
fn plain(token: Token, position: usize) -> SqlResult<Token> {
    Ok(match token {
        Token::Word(word) if word.value.contains(SEPARATOR) => {
            return Err(SqlError {
                position: Some(position),
                ..SqlError::syntax("syntax error: a name must not hold the character U+001F")
            });
        }
        Token::DollarQuotedString(string) => string_token(string.value),
        Token::SingleQuotedString(value) => string_token(value),
        other => other,
    })
}

/// A string. The parser takes plain strings for names in some places, escaped ones never: so no string
/// can pretend to be a name with a version.
fn string_token(value: String) -> Token {
    if value.contains(SEPARATOR) {
        Token::EscapedStringLiteral(value)
    } else {
        Token::SingleQuotedString(value)
    }
}

/// Finds lines and columns in a text, in rising order.
struct Places<'a> {
    rest: std::str::CharIndices<'a>,
    line: u64,
    column: u64,
    character: usize,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.char_indices(), line: 1, column: 1, character: 0 }
    }

    /// Characters and bytes before a place that is not before the last one asked for.
    fn find(&mut self, place: Location) -> (usize, usize) {
        while (self.line, self.column) < (place.line, place.column) {
            match self.rest.next() {
                None => break,
                Some((_, '\n')) => {
                    self.line += 1;
                    self.column = 1;
                }
                Some(_) => self.column += 1,
            }
            self.character += 1;
        }
        (self.character, self.rest.offset())
    }
}

/// What opened and is not closed yet.
struct Level {
    case: bool,
    /// Whether a `CASE` around it has a value here, not a condition.
    branch: bool,
    /// Operators since its last comma.
    operators: usize,
    /// How often the parser may read what is in it.
    weight: u64,
    /// Brackets around it; a query counts as several, because its part of the tree is large.
    depth: usize,
}

impl Level {
    const OUTERMOST: Self = Self { case: false, branch: false, operators: 0, weight: 1, depth: 0 };
}

/// Refuses what would nest deeper than the stack is: brackets inside brackets, and chains such as
/// `1 + 1 + 1 …`, whose tree is as deep as they are long; and what the parser would try in too many
/// ways.
fn check_shape(lexemes: &[Lexeme]) -> SqlResult<()> {
    let mut levels = vec![Level::OUTERMOST];
    let mut steps = 0_u64;
    for (index, lexeme) in lexemes.iter().enumerate() {
        match &lexeme.token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                count(&mut levels, lexeme)?;
                let weight = weight(&levels).saturating_mul(ways(lexemes, index));
                let own = if starts_query(lexemes, index + 1) { QUERY_DEPTH } else { 1 };
                let depth = depth(&levels) + own;
                let branch = branch(&levels);
                levels.push(Level { case: false, branch, operators: 0, weight, depth });
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                while levels.pop().is_some_and(|level| level.case) {}
            }
            Token::Comma => restart(&mut levels),
            Token::Word(word) if word.quote_style.is_some() => {}
            Token::Word(word) => check_word(&word.value, lexeme, &mut levels)?,
            Token::Number(..)
            | Token::Period
            | Token::Placeholder(_)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_) => {}
            _ => count(&mut levels, lexeme)?,
        }
        if levels.is_empty() {
            levels.push(Level::OUTERMOST);
        }
        let too_deep = depth(&levels) > SQL_DEPTH_MAX;
        steps = steps.saturating_add(weight(&levels).saturating_sub(FREE_STEPS));
        if too_deep || steps > SQL_STEPS_MAX {
            let message = if too_deep {
                format!("the statement nests deeper than {SQL_DEPTH_MAX} levels")
            } else {
                "calls, CASE and queries in brackets nest too deep in the statement".to_owned()
            };
            return Err(SqlError { position: Some(lexeme.position), ..limit(message) });
        }
    }
    Ok(())
}

/// Steps for a token that cost nothing, so that long flat texts are no matter.
const FREE_STEPS: u64 = 16;

/// What a query in brackets counts for in depth.
const QUERY_DEPTH: usize = 5;

fn depth(levels: &[Level]) -> usize {
    levels.last().map_or(0, |level| level.depth)
}

fn branch(levels: &[Level]) -> bool {
    levels.last().is_some_and(|level| level.branch)
}

fn starts_query(lexemes: &[Lexeme], index: usize) -> bool {
    lexemes
        .get(index)
        .is_some_and(|next| ["SELECT", "WITH", "VALUES"].iter().any(|word| next.is_word(word)))
}

fn weight(levels: &[Level]) -> u64 {
    levels.last().map_or(1, |level| level.weight)
}

/// In how many ways the parser may read what stands in the bracket at `index`.
fn ways(lexemes: &[Lexeme], index: usize) -> u64 {
    const CALLS_WITH_KEYWORDS: [&str; 12] = [
        "CAST",
        "TRY_CAST",
        "SAFE_CAST",
        "CONVERT",
        "TRY_CONVERT",
        "SUBSTRING",
        "SUBSTR",
        "CEIL",
        "FLOOR",
        "OVERLAY",
        "POSITION",
        "TRIM",
    ];
    const NO_CALLS: [&str; 17] = [
        "IN",
        "VALUES",
        "AS",
        "MATERIALIZED",
        "ON",
        "AND",
        "OR",
        "NOT",
        "WHERE",
        "WHEN",
        "THEN",
        "ELSE",
        "OVER",
        "BY",
        "SELECT",
        "CASE",
        "UNION",
    ];
    let here = lexemes.get(index).map(|lexeme| &lexeme.token);
    let before = index.checked_sub(1).and_then(|before| lexemes.get(before));
    let is = |words: &[&str]| before.is_some_and(|word| words.iter().any(|w| word.is_word(w)));
    let query = starts_query(lexemes, index + 1);
    match (here, before) {
        (Some(Token::LBracket | Token::LBrace), _) => 2,
        (Some(Token::LParen), Some(_)) if is(&CALLS_WITH_KEYWORDS) => 3,
        (Some(Token::LParen), Some(_)) if query => {
            if is(&["AS", "MATERIALIZED", "IN", "EXISTS"]) {
                1
            } else {
                2
            }
        }
        (Some(Token::LParen), Some(_)) if is(&NO_CALLS) => 1,
        (Some(Token::LParen), Some(word)) if word.is_any_word() => 2,
        _ => 1,
    }
}

fn check_word(word: &str, lexeme: &Lexeme, levels: &mut Vec<Level>) -> SqlResult<()> {
    let in_case = levels.last().is_some_and(|level| level.case);
    match word.to_ascii_uppercase().as_str() {
        "CASE" => {
            // Of a value that is another CASE the planner asks twice whether it may be null.
            let ways = if branch(levels) { 2 } else { 1 };
            let weight = weight(levels).saturating_mul(ways);
            let depth = depth(levels) + 1;
            levels.push(Level { case: true, branch: false, operators: 0, weight, depth });
        }
        "END" if in_case => {
            levels.pop();
        }
        word @ ("WHEN" | "THEN" | "ELSE") if in_case => {
            restart(levels);
            if let Some(level) = levels.last_mut() {
                level.branch = word != "WHEN";
            }
        }
        operator if WORD_OPERATORS.contains(&operator) => count(levels, lexeme)?,
        _ => {}
    }
    Ok(())
}

/// Words whose repetition makes the parser's tree deeper.
const WORD_OPERATORS: [&str; 24] = [
    "AND",
    "OR",
    "NOT",
    "IS",
    "IN",
    "LIKE",
    "ILIKE",
    "SIMILAR",
    "BETWEEN",
    "AT",
    "COLLATE",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "MINUS",
    "XOR",
    "DIV",
    "OVERLAPS",
    "INTERVAL",
    "ISNULL",
    "NOTNULL",
    "OPERATOR",
    "EXPLAIN",
    "PRIOR",
];

fn restart(levels: &mut [Level]) {
    if let Some(level) = levels.last_mut() {
        level.operators = 0;
    }
}

fn count(levels: &mut [Level], lexeme: &Lexeme) -> SqlResult<()> {
    let Some(level) = levels.last_mut() else {
        return Ok(());
    };
    level.operators += 1;
    if level.operators > SQL_OPERATORS_MAX {
        return Err(SqlError {
            position: Some(lexeme.position),
            ..limit(format!("one expression has more than {SQL_OPERATORS_MAX} operators"))
                .with_hint("a long row of OR is shorter as IN (…) or a join with VALUES")
        });
    }
    Ok(())
}

fn limit(message: String) -> SqlError {
    SqlError::new(SqlState::ProgramLimitExceeded, message)
}

/// Messages of the parser start with a capital letter, ours do not.
pub(super) fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
