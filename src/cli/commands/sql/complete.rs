//! Whether a text that somebody types ends with a statement, as PostgreSQL reads quotes and comments.
//!
//! Decides only when to send; what is sent is parsed by the server.

/// Whether the text ends with a semicolon that stands in no string, quoted name or comment.
pub(super) fn is_complete(text: &str) -> bool {
    let mut rest = text;
    let mut ended = false;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let after = match opening(rest, before) {
            Some(inside) => {
                let Some(after) = inside.skip(rest) else { return false };
                ended = ended && matches!(inside, Inside::Line | Inside::Block);
                after
            }
            None => {
                if !first.is_whitespace() {
                    ended = first == ';';
                }
                rest.get(first.len_utf8()..).unwrap_or_default()
            }
        };
        before = first;
        rest = after;
    }
    ended
}

/// What begins at some place.
enum Inside {
    /// A string or a quoted name; backslashes escape in the first form only.
    Quoted { quote: char, escapes: bool },
    /// `-- …`
    Line,
    /// `/* … */`, which nests.
    Block,
    /// `$tag$ … $tag$`, with the tag and both signs.
    Dollar(String),
}

fn opening(rest: &str, before: char) -> Option<Inside> {
    let name = before.is_alphanumeric() || before == '_';
    if rest.starts_with("--") {
        return Some(Inside::Line);
    }
    if rest.starts_with("/*") {
        return Some(Inside::Block);
    }
    match rest.chars().next()? {
        '\'' => Some(Inside::Quoted { quote: '\'', escapes: matches!(before, 'e' | 'E') }),
        '"' => Some(Inside::Quoted { quote: '"', escapes: false }),
        '$' if !name => {
            let tag = rest.get(1..)?.split_once('$')?.0;
            let plain = tag.chars().all(|c| c.is_alphanumeric() || c == '_')
                && !tag.starts_with(|c: char| c.is_ascii_digit());
            plain.then(|| Inside::Dollar(format!("${tag}$")))
        }
        _ => None,
    }
}

impl Inside {
    /// The text behind its end; `None` if it does not end.
    fn skip<'a>(&self, text: &'a str) -> Option<&'a str> {
        match self {
            // A doubled quote ends one string and begins the next.
            Self::Quoted { quote, escapes } => {
                let mut escaped = false;
                for (at, c) in text.char_indices().skip(1) {
                    if escaped {
                        escaped = false;
                    } else if *escapes && c == '\\' {
                        escaped = true;
                    } else if c == *quote {
                        let after = text.get(at.saturating_add(1)..)?;
                        // The next one of an escape string has no `E` before it.
                        return match after.strip_prefix(*quote) {
                            Some(_) if *escapes => self.skip(after),
                            _ => Some(after),
                        };
                    }
                }
                None
            }
            // Without an end of line the comment may go on, but nothing in it matters.
            Self::Line => Some(text.split_once('\n').map_or("", |(_, after)| after)),
            Self::Block => {
                let mut depth = 0_usize;
                let mut rest = text;
                loop {
                    if let Some(after) = rest.strip_prefix("/*") {
                        depth = depth.saturating_add(1);
                        rest = after;
                    } else if let Some(after) = rest.strip_prefix("*/") {
                        depth = depth.saturating_sub(1);
                        rest = after;
                        if depth == 0 {
                            return Some(rest);
                        }
                    } else {
                        let first = rest.chars().next()?;
                        rest = rest.get(first.len_utf8()..)?;
                    }
                }
            }
            Self::Dollar(tag) => {
                text.get(tag.len()..)?.split_once(tag.as_str()).map(|(_, after)| after)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_ends_a_statement_where_it_is_one() {
        for text in [
            "SELECT 1;",
            "SELECT 1; ",
            "SELECT ';';",
            "SELECT 'it''s';",
            r"SELECT E'\'';",
            r"SELECT E'a''\'';",
            "SELECT 1; -- done",
            "SELECT 1; /* a /* b */ c */",
            "SELECT $$;$$;",
            "SELECT $a$ ; $$ $a$;",
            "SELECT $1;",
            "SELECT a$b$ FROM t;",
            "SELECT \";\";",
            "SELECT 1 --;\n;",
        ] {
            assert!(is_complete(text), "{text}");
        }
        for text in [
            "",
            "SELECT 1",
            "SELECT ';",
            "SELECT 'a'';",
            r"SELECT E'\';",
            "SELECT 1 -- ;",
            "SELECT 1 /* ;",
            "/* /* */ ;",
            "SELECT $$;",
            "SELECT $a$;$$;",
            "SELECT \";",
            "SELECT 1; SELECT 2",
            "SELECT 1;'x'",
        ] {
            assert!(!is_complete(text), "{text}");
        }
    }
}
