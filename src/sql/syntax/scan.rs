//! Finding versions among the lexemes of a statement, and taking them out.
//!
//! A version directly behind the name of a table is that table's own. One at the end of a query (before
//! its closing bracket or the end of the statement) is for every table of it. Behind a lone name at the
//! end both are the same; behind the last of several names it is that table's own.
//!
//! Knows words and brackets only. Which names mean a `WITH` query and which tables a version reaches is
//! decided on the parser's tree, in [`super::apply`], by the places that are noted here.

use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::at::At;
use super::clause;
use super::lexemes::{Lexeme, source};
use super::words::Cursor;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// The version of one table.
#[derive(Debug)]
pub(super) struct Own {
    /// The version.
    pub(super) at: At,
    /// Where the last part of the table's name starts.
    pub(super) name: Location,
    /// Where the version starts, in characters from 1.
    pub(super) position: usize,
    /// The query that ends directly behind it.
    pub(super) closes: Option<Extent>,
}

/// The version of every table of a query.
#[derive(Debug)]
pub(super) struct Trailing {
    /// The version.
    pub(super) at: At,
    /// The query.
    pub(super) extent: Extent,
    /// Where the version starts, in characters from 1.
    pub(super) position: usize,
    /// The table whose alias stands directly before the version: it may have been meant alone.
    pub(super) behind_alias_of: Option<Location>,
}

/// From where to where a query goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    /// Its first lexeme.
    pub(super) start: Location,
    /// Its version.
    pub(super) end: Location,
    /// Whether it is the statement's own and not in brackets.
    pub(super) outermost: bool,
}

/// A statement without its versions.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// For the parser.
    pub(super) tokens: Vec<TokenWithSpan>,
    /// Versions of single tables.
    pub(super) own: Vec<Own>,
    /// Versions of queries; inner ones before outer ones.
    pub(super) trailing: Vec<Trailing>,
    /// A place that looks like a version and is none, for the hint of a syntax error.
    pub(super) stray: Option<usize>,
}

/// What a name at this place would be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Nothing,
    /// A table that is read.
    Source,
    /// A table that is written, made or dropped.
    Target,
}

/// One level of brackets.
struct Frame {
    /// Its first lexeme.
    start: usize,
    expect: Expect,
    /// What a comma leads to.
    list: Expect,
    /// The first and the last lexeme of the last table's name.
    table: Option<(usize, usize)>,
}

impl Frame {
    const fn new(start: usize, expect: Expect) -> Self {
        Self { start, expect, list: Expect::Nothing, table: None }
    }
}

/// Takes the versions out of a statement.
pub(super) fn scan(text: &str, lexemes: &[Lexeme]) -> SqlResult<Scan> {
    let mut scanner = Scanner {
        text,
        lexemes,
        index: 0,
        frame: Frame::new(0, Expect::Nothing),
        outer: Vec::new(),
        found: Scan { tokens: Vec::with_capacity(lexemes.len() + 1), ..Scan::default() },
    };
    while scanner.index < lexemes.len() {
        scanner.step()?;
    }
    Ok(scanner.found)
}

struct Scanner<'a> {
    text: &'a str,
    lexemes: &'a [Lexeme],
    index: usize,
    frame: Frame,
    outer: Vec<Frame>,
    found: Scan,
}

impl Scanner<'_> {
    fn step(&mut self) -> SqlResult<()> {
        let Some(lexeme) = self.lexemes.get(self.index) else {
            return Ok(());
        };
        match &lexeme.token {
            Token::LParen => self.open(),
            Token::RParen => {
                self.pass(1);
                if let Some(frame) = self.outer.pop() {
                    self.frame = frame;
                }
                self.frame.expect = Expect::Nothing;
            }
            Token::Comma => {
                self.pass(1);
                self.frame.expect = self.frame.list;
            }
            Token::Word(_) => return self.word(),
            _ => {
                self.pass(1);
                self.frame.expect = Expect::Nothing;
            }
        }
        Ok(())
    }

    fn open(&mut self) {
        self.pass(1);
        let inner = match self.frame.expect {
            Expect::Source => Expect::Source,
            Expect::Nothing | Expect::Target => Expect::Nothing,
        };
        self.frame.expect = Expect::Nothing;
        let frame = Frame::new(self.index, inner);
        self.outer.push(std::mem::replace(&mut self.frame, frame));
    }

    fn word(&mut self) -> SqlResult<()> {
        if self.behind_period() {
            self.pass(1);
            return Ok(());
        }
        if self.frame.expect != Expect::Nothing && !self.is_keyword() {
            if self.is_one_of(&["ONLY"])
                && self.lexemes.get(self.index + 1).is_some_and(Lexeme::is_any_word)
            {
                // No table has descendants here; the parser would take the word for a name.
                self.index += 1;
                return Ok(());
            }
            if self.is_modifier() {
                self.pass(1);
                return Ok(());
            }
            return self.table();
        }
        if let Some((at, behind)) = self.version_at_end() {
            self.trailing(at, behind);
            return Ok(());
        }
        self.keyword();
        self.pass(1);
        Ok(())
    }

    /// A name where a table is expected, with its version.
    fn table(&mut self) -> SqlResult<()> {
        let first = self.index;
        let expect = std::mem::replace(&mut self.frame.expect, Expect::Nothing);
        let mut last = first;
        while self.lexemes.get(last + 1).is_some_and(|next| next.token == Token::Period)
            && self.lexemes.get(last + 2).is_some_and(Lexeme::is_any_word)
        {
            last += 2;
        }
        self.pass(last + 1 - first);
        if self.lexemes.get(self.index).is_some_and(|next| next.token == Token::LParen) {
            return Ok(());
        }
        self.frame.table = Some((first, last));
        let Some((at, behind)) = clause::behind_table(self.cursor())? else {
            return Ok(());
        };
        let (Some(name), Some(clause)) = (self.lexemes.get(last), self.lexemes.get(self.index))
        else {
            return Ok(());
        };
        if expect == Expect::Target {
            let written = self.lexemes.get(first..=last).map_or("", |name| source(self.text, name));
            return Err(SqlError {
                position: Some(clause.position),
                ..cannot_be_written(written, &at)
            });
        }
        let closes = self.query_ends(behind).then(|| self.extent(clause));
        let position = clause.position;
        self.found.own.push(Own { at, name: name.span.start, position, closes });
        self.index = behind;
        Ok(())
    }

    /// A version that ends the query.
    fn trailing(&mut self, at: At, behind: usize) {
        let Some(clause) = self.lexemes.get(self.index) else {
            return;
        };
        let behind_alias_of = self.frame.table.and_then(|(_, last)| {
            let between = self.lexemes.get(last + 1..self.index)?;
            let alias = match between {
                [alias] => alias,
                [word, alias] if word.is_word("AS") => alias,
                _ => return None,
            };
            alias.is_any_word().then_some(self.lexemes.get(last)?.span.start)
        });
        self.found.trailing.push(Trailing {
            at,
            extent: self.extent(clause),
            position: clause.position,
            behind_alias_of,
        });
        self.index = behind;
    }

    fn version_at_end(&mut self) -> Option<(At, usize)> {
        let cursor = self.cursor();
        if !clause::looks_like(cursor) {
            return None;
        }
        let found = clause::behind_table(cursor).ok().flatten();
        match found {
            Some((at, behind)) if self.query_ends(behind) => Some((at, behind)),
            _ => {
                self.found.stray = Some(cursor.position());
                None
            }
        }
    }

    /// What a keyword makes of the names behind it.
    fn keyword(&mut self) {
        let Some(word) = self.lexemes.get(self.index).and_then(Lexeme::unquoted) else {
            return;
        };
        let before = self.before(1);
        let is_before =
            |words: &[&str]| words.iter().any(|word| before.is_some_and(|b| b.is_word(word)));
        let (expect, list) = match word.to_ascii_uppercase().as_str() {
            "FROM" if is_before(&["DELETE"]) => (Expect::Target, Expect::Nothing),
            "FROM" if is_before(&["DISTINCT"]) && self.is_comparison() => {
                (Expect::Nothing, self.frame.list)
            }
            "FROM" | "JOIN" => (Expect::Source, Expect::Source),
            "USING"
                if self.lexemes.get(self.index + 1).is_some_and(|l| l.token == Token::LParen)
                    && self.frame.list == Expect::Source =>
            {
                (Expect::Nothing, Expect::Source)
            }
            "USING" => (Expect::Source, Expect::Source),
            "INTO" => (Expect::Target, Expect::Nothing),
            "UPDATE" if is_before(&["FOR", "DO", "THEN", "KEY", "ON"]) => {
                (Expect::Nothing, Expect::Nothing)
            }
            "UPDATE" => (Expect::Target, Expect::Nothing),
            "TABLE" if self.is_definition() && !is_before(&["AS"]) => {
                (Expect::Target, Expect::Target)
            }
            "TABLE" => (Expect::Source, Expect::Nothing),
            "VIEW" | "TRUNCATE" if self.is_definition() => (Expect::Target, Expect::Target),
            "WHERE" | "GROUP" | "HAVING" | "ORDER" | "LIMIT" | "OFFSET" | "FETCH" | "WINDOW"
            | "UNION" | "INTERSECT" | "EXCEPT" | "RETURNING" | "SELECT" | "SET" | "VALUES"
            | "WHEN" | "FOR" | "WITH" => (Expect::Nothing, Expect::Nothing),
            _ => (Expect::Nothing, self.frame.list),
        };
        self.frame.expect = expect;
        self.frame.list = list;
    }

    /// Whether the word here cannot be a table's name.
    fn is_keyword(&self) -> bool {
        const KEYWORDS: [&str; 14] = [
            "SELECT", "WITH", "VALUES", "FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "UNION", "SET",
            "TABLE", "JOIN", "INTO", "USING",
        ];
        self.is_one_of(&KEYWORDS)
    }

    /// Whether the word here stands between a keyword and a table's name.
    fn is_modifier(&self) -> bool {
        self.is_one_of(&["IF", "NOT", "EXISTS", "LATERAL"])
            && self
                .lexemes
                .get(self.index + 1)
                .is_some_and(|next| matches!(next.token, Token::Word(_) | Token::LParen))
            && !clause::looks_like(Cursor::new(self.text, self.lexemes, self.index + 1))
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        let here = self.lexemes.get(self.index).and_then(Lexeme::unquoted);
        here.is_some_and(|here| words.iter().any(|word| here.eq_ignore_ascii_case(word)))
    }

    /// `IS [NOT] DISTINCT FROM`, with `FROM` next.
    fn is_comparison(&self) -> bool {
        let is = |back, word| self.before(back).is_some_and(|lexeme| lexeme.is_word(word));
        is(2, "IS") || is(2, "NOT") && is(3, "IS")
    }

    /// Whether the statement makes, changes or drops tables.
    fn is_definition(&self) -> bool {
        const DEFINITIONS: [&str; 11] = [
            "CREATE", "DROP", "ALTER", "TRUNCATE", "COMMENT", "LOCK", "GRANT", "REVOKE", "REFRESH",
            "VACUUM", "REINDEX",
        ];
        self.outer.is_empty()
            && self.lexemes.first().and_then(Lexeme::unquoted).is_some_and(|first| {
                DEFINITIONS.iter().any(|word| first.eq_ignore_ascii_case(word))
            })
    }

    /// Whether the query of this level ends before the lexeme.
    fn query_ends(&self, behind: usize) -> bool {
        let ends = match self.lexemes.get(behind) {
            None => self.outer.is_empty(),
            Some(next) => next.token == Token::RParen && !self.outer.is_empty(),
        };
        ends && self.starts_query(self.frame.start)
    }

    /// Whether a query, or a statement with one, starts at the lexeme.
    fn starts_query(&self, start: usize) -> bool {
        const STARTS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];
        const STATEMENTS: [&str; 8] =
            ["INSERT", "CREATE", "EXPLAIN", "DECLARE", "PREPARE", "UPDATE", "DELETE", "MERGE"];
        let Some(first) = self.lexemes.get(start) else {
            return false;
        };
        if first.token != Token::LParen {
            return STARTS.iter().any(|word| first.is_word(word))
                || self.outer.is_empty() && STATEMENTS.iter().any(|word| first.is_word(word));
        }
        // `((SELECT …) UNION (SELECT …) AT …)`, but not `((SELECT …) + 1 AT …)`.
        let brackets = self.lexemes.iter().skip(start).take_while(|l| l.token == Token::LParen);
        let inner = start + brackets.count();
        let mut depth = 0_usize;
        let close = self.lexemes.iter().skip(start).position(|lexeme| {
            match lexeme.token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        });
        let next = close.and_then(|close| self.lexemes.get(start + close + 1));
        const NEXT: [&str; 9] =
            ["UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH", "AT", "FOR"];
        self.lexemes.get(inner).is_some_and(|l| STARTS.iter().any(|word| l.is_word(word)))
            && next.is_some_and(|next| NEXT.iter().any(|word| next.is_word(word)))
    }

    fn extent(&self, clause: &Lexeme) -> Extent {
        let start = self.lexemes.get(self.frame.start).unwrap_or(clause);
        Extent { start: start.span.start, end: clause.span.start, outermost: self.outer.is_empty() }
    }

    fn behind_period(&self) -> bool {
        self.before(1).is_some_and(|before| before.token == Token::Period)
    }

    /// The lexeme that many places back.
    fn before(&self, back: usize) -> Option<&Lexeme> {
        self.lexemes.get(self.index.checked_sub(back)?)
    }

    fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self.text, self.lexemes, self.index)
    }

    /// Gives lexemes to the parser as they are.
    fn pass(&mut self, count: usize) {
        let end = (self.index + count).min(self.lexemes.len());
        let passed = self.lexemes.get(self.index..end).unwrap_or_default();
        self.found.tokens.extend(passed.iter().map(Lexeme::for_parser));
        self.index = end;
    }
}

/// A table that something is written to has a version.
pub(super) fn cannot_be_written(name: &str, at: &At) -> SqlError {
    SqlError::new(
        SqlState::ReadOnly,
        format!("{name} cannot be written: it is read at {} {}", at.kind.word(), at.value),
    )
    .with_hint(
        "writes go to the head of a branch: name the branch as the first part of the table's name",
    )
}
