//! Statements of PostgreSQL that the parser does not know, or keeps too little of.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::copy::{self, Copy};
use super::named::{self, NamedStatement};
use super::words::Cursor;
use crate::sql::error::SqlResult;

/// Such a statement.
#[derive(Clone, PartialEq, Debug)]
pub enum OwnStatement {
    /// `ALTER VIEW [IF EXISTS] v RENAME TO name`
    RenameView {
        /// The view.
        name: ObjectName,
        /// Whether a missing one is no error.
        if_exists: bool,
        /// Its new name.
        to: ObjectName,
    },
    /// `ALTER TABLE | VIEW [IF EXISTS] t SET SCHEMA s`
    SetSchema {
        /// The table or view.
        name: ObjectName,
        /// Whether it is called a view.
        view: bool,
        /// Whether a missing one is no error.
        if_exists: bool,
        /// Its new schema.
        schema: ObjectName,
    },
    /// `ALTER TABLE t RESET (k, …)` and `ALTER TABLE t UNSET TBLPROPERTIES [IF EXISTS] ('k', …)`
    ResetProperties {
        /// The table.
        name: ObjectName,
        /// Whether a missing table is no error.
        if_exists: bool,
        /// Whether properties that are not set are an error.
        must_be_set: bool,
        /// The properties.
        keys: Vec<String>,
    },
    /// `COMMENT ON VIEW v IS '…'`
    CommentOnView {
        /// The view.
        name: ObjectName,
        /// What is said of it; nothing takes the comment away.
        comment: Option<String>,
    },
    /// `COPY … FROM STDIN`, `COPY … TO STDOUT`
    Copy(Copy),
    /// A statement about cursors or prepared statements.
    Named(NamedStatement),
}

/// Reads such a statement; `None` if it is none.
///
/// # Errors
/// `SyntaxError` with its place.
pub(super) fn parse(mut cursor: Cursor<'_>) -> SqlResult<Option<OwnStatement>> {
    if cursor.at_words(&["COPY"]) {
        return copy::parse(cursor).map(|copy| Some(OwnStatement::Copy(copy)));
    }
    if let Some(named) = named::parse(cursor)? {
        return Ok(Some(OwnStatement::Named(named)));
    }
    let found = if cursor.take_words(&["COMMENT", "ON", "VIEW"]) {
        let name = name(&mut cursor)?;
        cursor.expect_words(&["IS"])?;
        let comment = if cursor.take_words(&["NULL"]) {
            None
        } else {
            Some(cursor.string().ok_or_else(|| cursor.expected("a string or NULL"))?.to_owned())
        };
        OwnStatement::CommentOnView { name, comment }
    } else if cursor.take_words(&["ALTER", "VIEW"]) {
        let if_exists = cursor.take_words(&["IF", "EXISTS"]);
        let of = name(&mut cursor)?;
        if cursor.take_words(&["RENAME", "TO"]) {
            OwnStatement::RenameView { name: of, if_exists, to: name(&mut cursor)? }
        } else if cursor.take_words(&["SET", "SCHEMA"]) {
            let schema = name(&mut cursor)?;
            OwnStatement::SetSchema { name: of, view: true, if_exists, schema }
        } else {
            // Whatever else the parser makes of it.
            return Ok(None);
        }
    } else if cursor.take_words(&["ALTER", "TABLE"]) {
        let if_exists = cursor.take_words(&["IF", "EXISTS"]);
        let _only = cursor.take_words(&["ONLY"]);
        let Ok(of) = name(&mut cursor) else { return Ok(None) };
        match of_table(&mut cursor, of, if_exists)? {
            Some(found) => found,
            None => return Ok(None),
        }
    } else {
        return Ok(None);
    };
    cursor.expect_end()?;
    Ok(Some(found))
}

fn of_table(
    cursor: &mut Cursor<'_>,
    name: ObjectName,
    if_exists: bool,
) -> SqlResult<Option<OwnStatement>> {
    if cursor.take_words(&["SET", "SCHEMA"]) {
        let schema = self::name(cursor)?;
        return Ok(Some(OwnStatement::SetSchema { name, view: false, if_exists, schema }));
    }
    let must_be_set = if cursor.take_words(&["RESET"]) {
        false
    } else if cursor.take_words(&["UNSET", "TBLPROPERTIES"]) {
        !cursor.take_words(&["IF", "EXISTS"])
    } else {
        return Ok(None);
    };
    cursor.expect(&Token::LParen)?;
    let mut keys = Vec::new();
    loop {
        keys.push(match cursor.string() {
            Some(key) => key.to_owned(),
            None => dotted(cursor)?,
        });
        if !cursor.take(&Token::Comma) {
            break;
        }
    }
    cursor.expect(&Token::RParen)?;
    Ok(Some(OwnStatement::ResetProperties { name, if_exists, must_be_set, keys }))
}

/// The name of a property without quotes around it.
fn dotted(cursor: &mut Cursor<'_>) -> SqlResult<String> {
    let name = name(cursor)?;
    let parts: Vec<String> = name
        .0
        .iter()
        .filter_map(|part| part.as_ident())
        .map(|ident| match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        })
        .collect();
    Ok(parts.join("."))
}

/// A name of one or several parts.
pub(super) fn name(cursor: &mut Cursor<'_>) -> SqlResult<ObjectName> {
    let mut parts = vec![ident(cursor)?];
    while cursor.take(&Token::Period) {
        parts.push(ident(cursor)?);
    }
    Ok(ObjectName::from(parts))
}

/// One identifier.
pub(super) fn ident(cursor: &mut Cursor<'_>) -> SqlResult<Ident> {
    let Some(lexeme) = cursor.peek() else { return Err(cursor.expected("a name")) };
    let Token::Word(word) = &lexeme.token else { return Err(cursor.expected("a name")) };
    cursor.index += 1;
    Ok(Ident { value: word.value.clone(), quote_style: word.quote_style, span: lexeme.span })
}
