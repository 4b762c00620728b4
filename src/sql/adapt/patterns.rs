//! Patterns: `LIKE` with another escape character, `SIMILAR TO` as a regular expression.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value};

use super::made::binary;
use crate::sql::error::{SqlError, SqlResult};

/// `SIMILAR TO` a pattern that is written out.
pub(super) fn similar(
    value: &Expr,
    pattern: &Expr,
    escape: Option<&Value>,
    negated: bool,
) -> SqlResult<Expr> {
    let refused = || SqlError::unsupported("SIMILAR TO a pattern that is computed");
    let mark = match escape {
        None => Some('\\'),
        Some(Value::SingleQuotedString(mark)) => {
            let mut marks = mark.chars();
            let mark = marks.next();
            if marks.next().is_some() {
                return Err(SqlError::syntax("the escape of a pattern is one character"));
            }
            mark
        }
        Some(_) => return Err(refused()),
    };
    let Expr::Value(pattern) = pattern else { return Err(refused()) };
    let Value::SingleQuotedString(text) = &pattern.value else { return Err(refused()) };
    let expression = Value::SingleQuotedString(expression(text, mark)?);
    let op = if negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
    Ok(binary(value.clone(), op, Expr::Value(expression.into())))
}

/// A pattern of the standard as a regular expression that matches the whole text.
fn expression(pattern: &str, mark: Option<char>) -> SqlResult<String> {
    let mut plain = String::from("^(?s:");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == mark => match chars.next() {
                Some('"') | None => {
                    return Err(SqlError::unsupported("this escape in a pattern of SIMILAR TO"));
                }
                Some(next) => literal(&mut plain, next),
            },
            '%' => plain.push_str(".*"),
            '_' => plain.push('.'),
            '|' | '*' | '+' | '?' | ')' => plain.push(c),
            // What is in brackets is only counted here.
            '(' => plain.push_str("(?:"),
            '{' => {
                plain.push(c);
                for c in chars.by_ref() {
                    if !(c.is_ascii_digit() || c == ',' || c == '}') {
                        return Err(SqlError::unsupported("this repetition in SIMILAR TO"));
                    }
                    plain.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
            '[' => {
                plain.push(c);
                bracket(&mut plain, &mut chars, mark)?;
            }
            other => literal(&mut plain, other),
        }
    }
    plain.push_str(")$");
    Ok(plain)
}

/// A set of characters, of which only plain ones, ranges and the opposite are read alike by both.
fn bracket(
    plain: &mut String,
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    mark: Option<char>,
) -> SqlResult<()> {
    if chars.peek() == Some(&'^') {
        chars.next();
        plain.push('^');
    }
    let mut empty = true;
    for c in chars.by_ref() {
        match c {
            ']' if !empty => {
                plain.push(c);
                return Ok(());
            }
            '-' => plain.push(c),
            c if c.is_alphanumeric() || c == ' ' || c == '_' => plain.push(c),
            c if Some(c) == mark || matches!(c, '[' | ']' | '\\') => break,
            other => literal(plain, other),
        }
        empty = false;
    }
    Err(SqlError::unsupported("this set of characters in SIMILAR TO"))
}

fn literal(plain: &mut String, c: char) {
    if c.is_ascii_punctuation() && c != '_' {
        plain.push('\\');
    }
    plain.push(c);
}

/// A pattern with another escape character as one with a backslash.
pub(super) fn escaped(pattern: &mut Expr, escape: &mut Option<Value>) -> SqlResult<()> {
    let Some(value) = escape else { return Ok(()) };
    let refused = || SqlError::unsupported("ESCAPE of a pattern that is computed");
    let Value::SingleQuotedString(mark) = value else { return Err(refused()) };
    let mut marks = mark.chars();
    let (mark, None) = (marks.next(), marks.next()) else {
        return Err(SqlError::syntax("the escape of a pattern is one character"));
    };
    if mark == Some('\\') {
        return Ok(());
    }
    let Expr::Value(pattern) = pattern else { return Err(refused()) };
    let Value::SingleQuotedString(text) = &mut pattern.value else { return Err(refused()) };
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if Some(c) == mark {
            let Some(next) = chars.next() else {
                return Err(SqlError::syntax("a pattern must not end with its escape character"));
            };
            plain.push('\\');
            plain.push(next);
        } else if c == '\\' {
            plain.push_str("\\\\");
        } else {
            plain.push(c);
        }
    }
    *text = plain;
    *escape = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn patterns_match_the_whole_text() {
        for (pattern, plain) in [
            ("a%", "^(?s:a.*)$"),
            ("(a|b)_{2,3}", "^(?s:(?:a|b).{2,3})$"),
            ("a.b^$", "^(?s:a\\.b\\^\\$)$"),
            ("[^a-c]x\\%", "^(?s:[^a-c]x\\%)$"),
        ] {
            assert_eq!(expression(pattern, Some('\\')).unwrap(), plain);
        }
    }

    #[test]
    fn sets_that_are_read_otherwise_are_refused() {
        for pattern in ["[[:alpha:]]", "[]a]", "[a", "a{x}", "a\\"] {
            expression(pattern, Some('\\')).unwrap_err();
        }
    }
}
