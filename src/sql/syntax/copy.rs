//! `COPY`: what is copied where, and options as they are written, in both of PostgreSQL's forms.
//!
//! Which options go together, and what they mean, is decided in `sql::copy`.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Statement};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::own::{ident, name};
use super::parse::statement;
use super::words::Cursor;
use crate::sql::error::{SqlError, SqlResult};

/// A `COPY` between the client and a table or query.
#[derive(Clone, PartialEq, Debug)]
pub struct Copy {
    /// What is copied.
    pub what: CopyWhat,
    /// Whether rows go to the client.
    pub to: bool,
    /// The options in their order.
    pub options: Vec<CopyOption>,
}

/// What is copied.
#[derive(Clone, PartialEq, Debug)]
pub enum CopyWhat {
    /// A table.
    Table {
        /// Its name.
        name: ObjectName,
        /// The columns; all if there are none.
        columns: Vec<Ident>,
    },
    /// The rows of a query.
    Query(Box<Statement>),
}

/// One option.
#[derive(Clone, PartialEq, Debug)]
pub struct CopyOption {
    /// Its name in lower case, as in the newer form.
    pub name: String,
    /// Its value.
    pub value: CopyValue,
    /// Where it stands, in characters from 1.
    pub position: usize,
}

/// The value of an option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CopyValue {
    /// None is written.
    None,
    /// A word, in lower case, or a number.
    Word(String),
    /// A string.
    Text(String),
    /// `(a, b)`
    Columns(Vec<Ident>),
    /// `*`
    All,
}

/// Reads the statement.
pub(super) fn parse(mut cursor: Cursor<'_>) -> SqlResult<Copy> {
    cursor.expect_words(&["COPY"])?;
    // The oldest form: `COPY BINARY t …`.
    let position = cursor.position();
    let mut options = Vec::new();
    if cursor.at_words(&["BINARY"]) && !cursor.at_words(&["BINARY", "FROM"]) {
        cursor.index += 1;
        options.push(plain("format", CopyValue::Word("binary".to_owned()), position));
    }
    let what = if cursor.peek().is_some_and(|next| next.token == Token::LParen) {
        query(&mut cursor)?
    } else {
        let name = name(&mut cursor)?;
        let columns = columns(&mut cursor)?.unwrap_or_default();
        CopyWhat::Table { name, columns }
    };
    let to = if cursor.take_words(&["TO"]) {
        true
    } else {
        cursor.expect_words(&["FROM"])?;
        false
    };
    if !to && matches!(what, CopyWhat::Query(_)) {
        return Err(SqlError::syntax("syntax error: COPY from the client goes into a table"));
    }
    if cursor.at_words(&["PROGRAM"]) || cursor.string().is_some() {
        return Err(SqlError::unsupported("COPY with a file or program of the server")
            .with_hint("use COPY … FROM STDIN or TO STDOUT, or psql's \\copy"));
    }
    // PostgreSQL takes either word for either direction.
    if !cursor.take_words(&["STDIN"]) {
        cursor.expect_words(&["STDOUT"])?;
    }
    let _with = cursor.take_words(&["WITH"]);
    if cursor.take(&Token::LParen) {
        newer(&mut cursor, &mut options)?;
    } else {
        older(&mut cursor, &mut options)?;
    }
    if cursor.at_words(&["WHERE"]) {
        return Err(SqlError::unsupported("COPY … WHERE"));
    }
    cursor.expect_end()?;
    Ok(Copy { what, to, options })
}

fn plain(name: &str, value: CopyValue, position: usize) -> CopyOption {
    CopyOption { name: name.to_owned(), value, position }
}

/// A statement in brackets.
fn query(cursor: &mut Cursor<'_>) -> SqlResult<CopyWhat> {
    let start = cursor.index + 1;
    let mut depth = 0_usize;
    loop {
        match cursor.peek().map(|lexeme| &lexeme.token) {
            Some(Token::LParen) => depth += 1,
            Some(Token::RParen) => depth = depth.saturating_sub(1),
            Some(_) => {}
            None => return Err(cursor.expected("')'")),
        }
        cursor.index += 1;
        if depth == 0 {
            break;
        }
    }
    let inner = cursor.between(start, cursor.index - 1);
    let found = statement(cursor.text, inner)?;
    if !matches!(found, Statement::Query(_)) {
        return Err(SqlError::unsupported("COPY of a statement that is not a query"));
    }
    Ok(CopyWhat::Query(Box::new(found)))
}

fn columns(cursor: &mut Cursor<'_>) -> SqlResult<Option<Vec<Ident>>> {
    if !cursor.take(&Token::LParen) {
        return Ok(None);
    }
    let mut columns = vec![ident(cursor)?];
    while cursor.take(&Token::Comma) {
        columns.push(ident(cursor)?);
    }
    cursor.expect(&Token::RParen)?;
    Ok(Some(columns))
}

/// `name [value], … )`
fn newer(cursor: &mut Cursor<'_>, options: &mut Vec<CopyOption>) -> SqlResult<()> {
    loop {
        let position = cursor.position();
        let name = ident(cursor)?.value.to_lowercase();
        let value = if let Some(text) = cursor.string() {
            CopyValue::Text(text.to_owned())
        } else if cursor.take(&Token::Mul) {
            CopyValue::All
        } else if let Some(columns) = columns(cursor)? {
            CopyValue::Columns(columns)
        } else {
            match cursor.peek().map(|lexeme| &lexeme.token) {
                Some(Token::Word(word)) => {
                    cursor.index += 1;
                    CopyValue::Word(word.value.to_lowercase())
                }
                Some(Token::Number(number, _)) => {
                    cursor.index += 1;
                    CopyValue::Word(number.clone())
                }
                _ => CopyValue::None,
            }
        };
        options.push(CopyOption { name, value, position });
        if cursor.take(&Token::RParen) {
            return Ok(());
        }
        cursor.expect(&Token::Comma)?;
    }
}

/// `[BINARY] [DELIMITER [AS] 'c'] [NULL [AS] 's'] [CSV [HEADER] [QUOTE [AS] 'c'] …]`
fn older(cursor: &mut Cursor<'_>, options: &mut Vec<CopyOption>) -> SqlResult<()> {
    while !cursor.is_end() && !cursor.at_words(&["WHERE"]) {
        let position = cursor.position();
        let word = |word: &str| CopyValue::Word(word.to_owned());
        let (name, value) = if cursor.take_words(&["BINARY"]) {
            ("format", word("binary"))
        } else if cursor.take_words(&["CSV"]) {
            ("format", word("csv"))
        } else if cursor.take_words(&["HEADER"]) {
            ("header", CopyValue::None)
        } else if cursor.take_words(&["FREEZE"]) {
            ("freeze", CopyValue::None)
        } else if cursor.take_words(&["FORCE", "NOT", "NULL"]) {
            ("force_not_null", list(cursor)?)
        } else if cursor.take_words(&["FORCE", "NULL"]) {
            ("force_null", list(cursor)?)
        } else if cursor.take_words(&["FORCE", "QUOTE"]) {
            ("force_quote", list(cursor)?)
        } else {
            let _using = cursor.at_words(&["USING", "DELIMITERS"]) && cursor.take_words(&["USING"]);
            let names = [
                ("DELIMITERS", "delimiter"),
                ("DELIMITER", "delimiter"),
                ("NULL", "null"),
                ("QUOTE", "quote"),
                ("ESCAPE", "escape"),
                ("ENCODING", "encoding"),
            ];
            let found = names.into_iter().find(|(word, _)| cursor.take_words(&[word]));
            let Some((_, name)) = found else { return Err(cursor.expected("an option of COPY")) };
            let _as = cursor.take_words(&["AS"]);
            let text = cursor.string().ok_or_else(|| cursor.expected("a string"))?;
            (name, CopyValue::Text(text.to_owned()))
        };
        options.push(plain(name, value, position));
    }
    Ok(())
}

/// `a, b` or `*`
fn list(cursor: &mut Cursor<'_>) -> SqlResult<CopyValue> {
    if cursor.take(&Token::Mul) {
        return Ok(CopyValue::All);
    }
    let mut columns = vec![ident(cursor)?];
    while cursor.take(&Token::Comma) {
        columns.push(ident(cursor)?);
    }
    Ok(CopyValue::Columns(columns))
}
