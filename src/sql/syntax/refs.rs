//! The statements about branches, tags and commits.
//!
//! A statement is ours by its first two words; the rest is standard SQL (`MERGE INTO`, `SHOW search_path`).
//! Names and refs are checked as [`RefName`] and [`RefExpr`], so what comes out can be looked up.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::statement::VersionStatement;
use super::words::Cursor;
use crate::base::name::{RefExpr, RefName};
use crate::sql::error::{SqlError, SqlResult};

/// The statement, if it is one of these.
pub(super) fn parse(mut cursor: Cursor<'_>) -> SqlResult<Option<VersionStatement>> {
    let Some(parser) = RULES.iter().find(|(words, _)| cursor.at_words(words)) else {
        return Ok(None);
    };
    let (words, rule) = *parser;
    cursor.take_words(words);
    let statement = rule(&mut cursor)?;
    cursor.expect_end()?;
    Ok(Some(statement))
}

type Rule = fn(&mut Cursor<'_>) -> SqlResult<VersionStatement>;

const RULES: [(&[&str], Rule); 21] = [
    (&["CREATE", "BRANCH"], create_branch),
    (&["CREATE", "TAG"], create_tag),
    (&["CREATE", "CHECK"], checks),
    (&["DROP", "BRANCH"], drop_branch),
    (&["DROP", "TAG"], drop_tag),
    (&["DROP", "CHECK"], checks),
    (&["ASSIGN", "BRANCH"], assign_branch),
    (&["ASSIGN", "TAG"], assign_tag),
    (&["USE", "BRANCH"], use_name),
    (&["USE", "TAG"], use_name),
    (&["USE", "REFERENCE"], use_reference),
    (&["MERGE", "BRANCH"], merge),
    (&["CHERRY", "PICK"], cherry_pick),
    (&["REVERT", "COMMIT"], revert),
    (&["SHOW", "BRANCHES"], |_| Ok(VersionStatement::ShowBranches)),
    (&["SHOW", "TAGS"], |_| Ok(VersionStatement::ShowTags)),
    (&["SHOW", "LOG"], show_log),
    (&["SHOW", "DIFF"], show_diff),
    (&["SHOW", "CHECKS"], checks),
    (&["RUN", "CHECKS"], checks),
    (&["RUN", "CHECK"], checks),
];

fn create_branch(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let if_not_exists = cursor.take_words(&["IF", "NOT", "EXISTS"]);
    let name = ref_name(cursor, "the name of the new branch")?;
    Ok(VersionStatement::CreateBranch { name, if_not_exists, from: start(cursor)? })
}

fn create_tag(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let if_not_exists = cursor.take_words(&["IF", "NOT", "EXISTS"]);
    let name = ref_name(cursor, "the name of the new tag")?;
    Ok(VersionStatement::CreateTag { name, if_not_exists, from: start(cursor)? })
}

/// `[FROM ref]`
fn start(cursor: &mut Cursor<'_>) -> SqlResult<Option<String>> {
    let from = match cursor.take_words(&["FROM"]) {
        true => Some(ref_expr(cursor, "a branch, tag or commit")?),
        false => None,
    };
    if cursor.at_words(&["AT"]) {
        return Err(cursor
            .expected("the end of the statement")
            .with_hint("a commit is named behind FROM: FROM '9f31c2aa', FROM 'main~3'"));
    }
    Ok(from)
}

fn drop_branch(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let if_exists = cursor.take_words(&["IF", "EXISTS"]);
    let name = ref_name(cursor, "the name of a branch")?;
    let cascade = cursor.take_words(&["CASCADE"]);
    if !cascade {
        cursor.take_words(&["RESTRICT"]);
    }
    Ok(VersionStatement::DropBranch { name, if_exists, cascade })
}

fn drop_tag(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let if_exists = cursor.take_words(&["IF", "EXISTS"]);
    let name = ref_name(cursor, "the name of a tag")?;
    Ok(VersionStatement::DropTag { name, if_exists })
}

fn assign_branch(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let name = ref_name(cursor, "the name of a branch")?;
    cursor.expect_words(&["TO"])?;
    let to = ref_expr(cursor, "a branch, tag or commit")?;
    Ok(VersionStatement::AssignBranch { name, to })
}

fn assign_tag(_cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    Err(SqlError::unsupported("ASSIGN TAG")
        .with_hint("a tag never moves: drop it and create it again"))
}

fn use_name(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    Ok(VersionStatement::Use { reference: ref_name(cursor, "the name of a branch or tag")? })
}

fn use_reference(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    Ok(VersionStatement::Use { reference: ref_expr(cursor, "a branch, tag or commit")? })
}

fn merge(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let source = ref_expr(cursor, "the branch to merge")?;
    cursor.expect_words(&["INTO"])?;
    let into = ref_name(cursor, "the branch to merge into")?;
    let dry_run = cursor.take_words(&["DRY", "RUN"]);
    let mut options = Vec::new();
    if cursor.take_words(&["WITH"]) {
        cursor.expect(&Token::LParen)?;
        loop {
            option(cursor, &mut options)?;
            if !cursor.take(&Token::Comma) {
                break;
            }
        }
        cursor.expect(&Token::RParen)?;
    }
    Ok(VersionStatement::Merge { source, into, dry_run, options })
}

/// The options of a merge with their values; none listed means any text.
const MERGE_OPTIONS: [(&str, &[&str]); 5] = [
    ("squash", &["true", "false"]),
    ("message", &[]),
    ("strategy", &["fail", "ours", "theirs"]),
    ("isolation", &["snapshot", "serializable"]),
    ("expected_head", &[]),
];

fn option(cursor: &mut Cursor<'_>, options: &mut Vec<(String, String)>) -> SqlResult<()> {
    let position = cursor.position();
    let name = cursor.reference().ok_or_else(|| cursor.expected("the name of an option"))?;
    let Some((known, values)) = MERGE_OPTIONS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = MERGE_OPTIONS.iter().map(|(known, _)| *known).collect();
        return Err(Cursor::invalid(position, format!("MERGE BRANCH has no option '{name}'"))
            .with_hint(format!("known options: {}", known.join(", "))));
    };
    if options.iter().any(|(given, _)| given == known) {
        return Err(Cursor::invalid(position, format!("the option {known} is given twice")));
    }
    cursor.expect(&Token::Eq)?;
    let position = cursor.position();
    let mut value = match cursor.string() {
        Some(text) => text.to_owned(),
        None => cursor.reference().ok_or_else(|| cursor.expected("a value"))?,
    };
    if !values.is_empty() {
        value.make_ascii_lowercase();
        if !values.contains(&value.as_str()) {
            return Err(Cursor::invalid(
                position,
                format!("{known} is one of {}, not '{value}'", values.join(", ")),
            ));
        }
    }
    options.push(((*known).to_owned(), value));
    Ok(())
}

fn cherry_pick(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    cursor.expect_words(&["COMMIT"])?;
    let commit = ref_expr(cursor, "a commit")?;
    cursor.expect_words(&["INTO"])?;
    let into = ref_name(cursor, "the name of a branch")?;
    Ok(VersionStatement::CherryPick { commit, into })
}

fn revert(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let commit = ref_expr(cursor, "a commit")?;
    cursor.expect_words(&["ON"])?;
    let on = ref_name(cursor, "the name of a branch")?;
    Ok(VersionStatement::Revert { commit, on })
}

fn show_log(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    if cursor.is_end() {
        return Ok(VersionStatement::ShowLog { of: None });
    }
    Ok(VersionStatement::ShowLog { of: Some(ref_expr(cursor, "a branch, tag or commit")?) })
}

fn show_diff(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let from = ref_expr(cursor, "a branch, tag or commit")?;
    let to = ref_expr(cursor, "a second branch, tag or commit")?;
    Ok(VersionStatement::ShowDiff { from, to })
}

fn checks(cursor: &mut Cursor<'_>) -> SqlResult<VersionStatement> {
    let position = cursor.position();
    Err(SqlError { position: Some(position), ..SqlError::unsupported("a check on a branch") })
}

fn ref_expr(cursor: &mut Cursor<'_>, what: &str) -> SqlResult<String> {
    reference(cursor, what, |text| RefExpr::parse(text).map(|_| ()))
}

fn ref_name(cursor: &mut Cursor<'_>, what: &str) -> SqlResult<String> {
    reference(cursor, what, |text| RefName::parse(text).map(|_| ()))
}

fn reference(
    cursor: &mut Cursor<'_>,
    what: &str,
    check: impl FnOnce(&str) -> crate::base::error::Result<()>,
) -> SqlResult<String> {
    let position = cursor.position();
    let text = cursor.reference().ok_or_else(|| cursor.expected(what))?;
    check(&text).map_err(|error| SqlError { position: Some(position), ..SqlError::from(error) })?;
    Ok(text)
}
