//! What a condition says about a name: a text with wildcards.
//!
//! A pattern may match more than the condition it comes from, never less: the condition itself is applied
//! again to the rows that were found.

use std::fmt::Write as _;

/// One place of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Token {
    Char(char),
    One,
    Any,
}

/// A text with wildcards.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
    /// Whether case does not matter.
    fold: bool,
}

impl Pattern {
    /// Just this text.
    pub(super) fn exact(text: &str, fold: bool) -> Self {
        Self { tokens: text.chars().map(Token::Char).collect(), fold }
    }

    /// A pattern of `LIKE`.
    pub(super) fn like(pattern: &str, escape: Option<char>, fold: bool) -> Self {
        let escape = escape.unwrap_or('\\');
        let mut tokens = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                c if c == escape => match chars.next() {
                    Some(next) => Token::Char(next),
                    None => break,
                },
                '%' => Token::Any,
                '_' => Token::One,
                other => Token::Char(other),
            });
        }
        Self { tokens, fold }
    }

    /// What a regular expression says, as far as it is `^(…|…)$` with plain text and dots in it.
    pub(super) fn regex(text: &str, fold: bool) -> Vec<Self> {
        let anything = || vec![Self { tokens: vec![Token::Any], fold }];
        let Some(rest) = text.strip_prefix('^') else { return anything() };
        let (inner, ended) = match rest.strip_suffix('$') {
            Some(inner) if !inner.ends_with('\\') => (inner, true),
            _ => (rest, false),
        };
        let alternatives = match inner.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) if !inner.contains(['(', ')']) => split(inner, true),
            _ => split(inner, false),
        };
        let Some(alternatives) = alternatives else { return anything() };
        alternatives.into_iter().map(|one| Self::of_regex(&one, ended, fold)).collect()
    }

    fn of_regex(text: &str, ended: bool, fold: bool) -> Self {
        let mut tokens = Vec::new();
        let mut chars = text.chars().peekable();
        let mut whole = true;
        while let Some(c) = chars.next() {
            let token = match c {
                '\\' => match chars.next() {
                    Some(next) if !next.is_alphanumeric() => Token::Char(next),
                    _ => {
                        whole = false;
                        break;
                    }
                },
                '.' => Token::One,
                '[' | ']' | '(' | ')' | '{' | '}' | '*' | '+' | '?' | '^' | '$' | '|' => {
                    whole = false;
                    break;
                }
                other => Token::Char(other),
            };
            match chars.peek() {
                Some('*' | '+' | '?' | '{') => {
                    // How often the last one stands there is open.
                    if token == Token::One && chars.next_if_eq(&'*').is_some() {
                        tokens.push(Token::Any);
                        continue;
                    }
                    whole = false;
                    break;
                }
                _ => tokens.push(token),
            }
        }
        if !(whole && ended) {
            tokens.push(Token::Any);
        }
        Self { tokens, fold }
    }

    /// The only text that matches, but for case.
    pub(super) fn text(&self) -> Option<String> {
        let chars = self.tokens.iter().map(|token| match token {
            Token::Char(c) => Some(*c),
            Token::One | Token::Any => None,
        });
        chars.collect()
    }

    /// Whether case matters.
    pub(super) const fn folds(&self) -> bool {
        self.fold
    }

    /// What every matching text starts with, but for case.
    pub(super) fn prefix(&self) -> String {
        let chars = self.tokens.iter().map_while(|token| match token {
            Token::Char(c) => Some(*c),
            Token::One | Token::Any => None,
        });
        chars.collect()
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.run(text).is_some_and(|places| places.contains(&self.tokens.len()))
    }

    /// Whether a text that starts so can match.
    pub(super) fn may_start(&self, text: &str) -> bool {
        self.run(text).is_some()
    }

    /// The places that the pattern can be at after a text; `None` if there are none.
    fn run(&self, text: &str) -> Option<Vec<usize>> {
        let mut places = self.reach(vec![0]);
        for c in text.chars() {
            let mut next = Vec::new();
            for place in places {
                match self.tokens.get(place) {
                    Some(Token::Char(wanted)) if self.same(*wanted, c) => next.push(place + 1),
                    Some(Token::One) => next.push(place + 1),
                    Some(Token::Any) => next.push(place),
                    Some(Token::Char(_)) | None => {}
                }
            }
            next.sort_unstable();
            next.dedup();
            places = self.reach(next);
            if places.is_empty() {
                return None;
            }
        }
        Some(places)
    }

    /// These places and those behind wildcards that may stand for nothing.
    fn reach(&self, mut places: Vec<usize>) -> Vec<usize> {
        let mut at = 0;
        while let Some(place) = places.get(at).copied() {
            if self.tokens.get(place) == Some(&Token::Any) && !places.contains(&(place + 1)) {
                places.push(place + 1);
            }
            at += 1;
        }
        places
    }

    fn same(&self, wanted: char, c: char) -> bool {
        wanted == c || (self.fold && wanted.to_lowercase().eq(c.to_lowercase()))
    }
}

/// The alternatives of a regular expression without brackets; `None` if there are several and none is
/// allowed.
fn split(text: &str, several: bool) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, parts.last_mut()) {
            ('|', _) if !several => return None,
            ('|', _) => parts.push(String::new()),
            ('\\', Some(part)) => {
                let next = chars.next().map(String::from).unwrap_or_default();
                if write!(part, "\\{next}").is_err() {
                    return None;
                }
            }
            (other, Some(part)) => part.push(other),
            (_, None) => return None,
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(text: &str, names: &[&str]) -> String {
        let patterns = Pattern::regex(text, false);
        let found = names.iter().filter(|name| patterns.iter().any(|one| one.matches(name)));
        found.copied().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn patterns_of_like() {
        let pattern = Pattern::like(r"ingest\_%s", None, false);
        assert_eq!(pattern.prefix(), "ingest_");
        assert!(pattern.matches("ingest_sales") && !pattern.matches("ingestXsales"));
        assert!(pattern.may_start("ingest_20.") && !pattern.may_start("main."));
        let exact = Pattern::like("Ingest", None, true);
        assert_eq!(exact.text().as_deref(), Some("Ingest"));
        assert!(exact.matches("iNGEST") && !exact.may_start("ingest."));
        assert!(Pattern::like("%", None, false).matches(""));
    }

    #[test]
    fn patterns_of_regular_expressions() {
        let names = ["a", "ab", "b", "a.b", "axb", "c"];
        assert_eq!(regex("^(a)$", &names), "a");
        assert_eq!(regex("^(a|c)$", &names), "a c");
        assert_eq!(regex("^(a.*)$", &names), "a ab a.b axb");
        assert_eq!(regex(r"^(a\.b)$", &names), "a.b");
        assert_eq!(regex("^a", &names), "a ab a.b axb");
        // More than the expression matches, never less.
        assert_eq!(regex("^(ab?)$", &names), "a ab a.b axb");
        assert_eq!(regex("b", &names), names.join(" "));
        assert_eq!(regex("^a|c", &names), names.join(" "));
    }
}
