//! One line cut into values.

use super::options::{CopyFormat, CopyOptions};
use crate::sql::error::SqlResult;

/// Takes a value and its place.
type Take<'t> = dyn FnMut(usize, Option<&[u8]>) -> SqlResult<()> + 't;

/// Calls `take` with each value and its place; a null has no bytes.
pub(super) fn each(options: &CopyOptions, line: &[u8], take: &mut Take<'_>) -> SqlResult<()> {
    match options.format {
        CopyFormat::Text => text(options, line, take),
        CopyFormat::Csv => csv(options, line, take),
    }
}

fn text(options: &CopyOptions, line: &[u8], take: &mut Take<'_>) -> SqlResult<()> {
    let mut value = Vec::new();
    let (mut at, mut start) = (0, 0);
    loop {
        value.clear();
        let mut index = start;
        let mut escapes = false;
        while let Some(&byte) = line.get(index) {
            if byte == options.delimiter {
                break;
            }
            index += 1;
            if byte == b'\\' {
                escapes = true;
                index += 1;
            }
        }
        let end = index.min(line.len());
        let raw = line.get(start..end).unwrap_or_default();
        if raw == options.null.as_bytes() {
            take(at, None)?;
        } else if escapes {
            unescape(raw, &mut value);
            take(at, Some(&value))?;
        } else {
            take(at, Some(raw))?;
        }
        if end >= line.len() {
            return Ok(());
        }
        at += 1;
        start = end + 1;
    }
}

/// Writes a value without its backslashes; one at the end of a line says nothing.
fn unescape(raw: &[u8], value: &mut Vec<u8>) {
    let mut rest = raw;
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'\\' {
            value.push(*first);
            continue;
        }
        let [escaped, more @ ..] = rest else { return };
        rest = more;
        match escaped {
            b'b' => value.push(8),
            b'f' => value.push(12),
            b'n' => value.push(b'\n'),
            b'r' => value.push(b'\r'),
            b't' => value.push(b'\t'),
            b'v' => value.push(11),
            b'0'..=b'7' => {
                let mut code = u32::from(escaped - b'0');
                for _ in 0..2 {
                    let [digit @ b'0'..=b'7', more @ ..] = rest else { break };
                    code = code * 8 + u32::from(digit - b'0');
                    rest = more;
                }
                value.push(low_byte(code));
            }
            b'x' => {
                let mut code = None;
                for _ in 0..2 {
                    let [digit, more @ ..] = rest else { break };
                    let Some(digit) = char::from(*digit).to_digit(16) else { break };
                    code = Some(code.unwrap_or(0) * 16 + digit);
                    rest = more;
                }
                value.push(code.map_or(b'x', low_byte));
            }
            other => value.push(*other),
        }
    }
}

fn low_byte(code: u32) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(0)
}

fn csv(options: &CopyOptions, line: &[u8], take: &mut Take<'_>) -> SqlResult<()> {
    let (quote, escape) = (options.quote, options.escape);
    let mut value = Vec::new();
    let (mut at, mut index) = (0, 0);
    loop {
        value.clear();
        let (mut quoted, mut inside) = (false, false);
        while let Some(&byte) = line.get(index) {
            if !inside && byte == options.delimiter {
                break;
            }
            index += 1;
            if !inside {
                if byte == quote {
                    (quoted, inside) = (true, true);
                } else {
                    value.push(byte);
                }
                continue;
            }
            if byte == escape
                && let Some(&next) = line.get(index)
                && (next == escape || next == quote)
            {
                value.push(next);
                index += 1;
            } else if byte == quote {
                inside = false;
            } else {
                value.push(byte);
            }
        }
        let is_null = value == options.null.as_bytes()
            && if quoted { options.force_null.has(at) } else { !options.force_not_null.has(at) };
        take(at, (!is_null).then_some(value.as_slice()))?;
        if index >= line.len() {
            return Ok(());
        }
        at += 1;
        index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::{Header, Selected};
    use super::*;

    fn cut(options: &CopyOptions, line: &[u8]) -> String {
        let mut shown = Vec::new();
        each(options, line, &mut |_, value| {
            shown.push(match value {
                None => "NULL".to_owned(),
                Some(value) => format!("{:?}", String::from_utf8_lossy(value)),
            });
            Ok(())
        })
        .unwrap();
        shown.join(" ")
    }

    fn text_options() -> CopyOptions {
        CopyOptions {
            format: CopyFormat::Text,
            delimiter: b'\t',
            null: "\\N".to_owned(),
            header: Header::None,
            quote: b'"',
            escape: b'"',
            force_quote: Selected::None,
            force_not_null: Selected::None,
            force_null: Selected::None,
        }
    }

    #[test]
    fn text_has_backslashes() {
        let options = text_options();
        for (line, expected) in [
            (&b"a\t\\N\t\t\\\\N"[..], r#""a" NULL "" "\\N""#),
            (b"", r#""""#),
            (b"\t", r#""" """#),
            (b"a\\tb\\\tc", r#""a\tb\tc""#),
            (b"\\101\\x42\\x4\\xg\\7z\\8", r#""AB\u{4}xg\u{7}z8""#),
            (b"\\b\\f\\n\\r\\v\\q", r#""\u{8}\u{c}\n\r\u{b}q""#),
            (b"end\\", r#""end""#),
            (b"\\N \t \\N", r#""N " " N""#),
        ] {
            assert_eq!(cut(&options, line), expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn csv_has_quotes() {
        let mut options = CopyOptions {
            format: CopyFormat::Csv,
            delimiter: b',',
            null: String::new(),
            ..text_options()
        };
        for (line, expected) in [
            (&b"a,,\"\",\"b,\"\"c\""[..], r#""a" NULL "" "b,\"c""#),
            (b"", "NULL"),
            (b",", "NULL NULL"),
            (b"a\"b,c\"d", r#""ab,cd""#),
            (b" a , \\N", r#"" a " " \\N""#),
            (b"\"a\\\"\"", r#""a\\\"""#),
        ] {
            assert_eq!(cut(&options, line), expected, "{}", String::from_utf8_lossy(line));
        }
        options.force_not_null = Selected::Some(vec![0]);
        options.force_null = Selected::Some(vec![1]);
        assert_eq!(cut(&options, b",\"\",\"\""), r#""" NULL """#);
        options.escape = b'\\';
        assert_eq!(cut(&options, b"\"a\\\"b\\\\c\\d\",x"), r#""a\"b\\c\\d" "x""#);
    }
}
