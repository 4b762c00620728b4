//! `DO NOTHING` in `MERGE INTO`, which the parser does not know, as an action that it knows and nobody can write.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::at::SEPARATOR;

/// The name that such an action has in place of a column.
pub(in crate::sql) fn is_nothing(name: &str) -> bool {
    name.strip_prefix(SEPARATOR) == Some(NOTHING)
}

const NOTHING: &str = "nothing";

fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(own)
        if own.quote_style.is_none() && own.value.eq_ignore_ascii_case(word))
}

fn are_words(tokens: &[TokenWithSpan], words: &[&str]) -> bool {
    tokens.len() >= words.len()
        && tokens.iter().zip(words).all(|(token, word)| is_word(token, word))
}

/// The tokens of a statement in which no `THEN DO NOTHING` is left.
pub(super) fn replaced(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    const THEN: [&str; 3] = ["THEN", "DO", "NOTHING"];
    let merges = tokens.windows(2).any(|two| are_words(two, &["MERGE", "INTO"]));
    if !merges || !tokens.windows(3).any(|three| are_words(three, &THEN)) {
        return tokens;
    }
    let mut all = Vec::with_capacity(tokens.len() + 8);
    // Whether the clause is about rows of the source that have no partner.
    let mut inserts = false;
    let mut at = 0;
    while let Some(rest) = tokens.get(at..).filter(|rest| !rest.is_empty()) {
        if are_words(rest, &["WHEN", "MATCHED"]) {
            inserts = false;
        } else if are_words(rest, &["WHEN", "NOT", "MATCHED"]) {
            inserts = !are_words(rest, &["WHEN", "NOT", "MATCHED", "BY", "SOURCE"]);
        }
        let Some(first) = rest.first() else { break };
        all.push(first.clone());
        at += 1;
        if !are_words(rest, &THEN) {
            continue;
        }
        at += 2;
        let column = Token::Word(Word {
            value: format!("{SEPARATOR}{NOTHING}"),
            quote_style: Some('"'),
            keyword: datafusion::sql::sqlparser::keywords::Keyword::NoKeyword,
        });
        let action = if inserts {
            vec![
                Token::make_keyword("INSERT"),
                Token::make_keyword("VALUES"),
                Token::LParen,
                column,
                Token::RParen,
            ]
        } else {
            vec![
                Token::make_keyword("UPDATE"),
                Token::make_keyword("SET"),
                column,
                Token::Eq,
                Token::Number("0".to_owned(), false),
            ]
        };
        let span = first.span;
        all.extend(action.into_iter().map(|token| TokenWithSpan { token, span }));
    }
    all
}
