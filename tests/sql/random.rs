//! Random names, aliases and versions come back as they were written.

use proptest::prelude::*;

use super::*;

fn quoted(name: &str, quote: char) -> String {
    format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
}

fn version() -> impl Strategy<Value = (String, At)> {
    let words = ["commit", "branch", "tag", "timestamp", "ref"];
    let text = "[ -~äß☃\n]{1,12}";
    let given = (prop::sample::select(words.to_vec()), text, 0..3_usize);
    let named = given.prop_map(|(word, value, form)| {
        let literal = quoted(&value, '\'');
        let sql = match form {
            0 => format!("AT {word} {literal}"),
            1 => format!("at ({} => {literal})", word.to_uppercase()),
            _ => format!("AT/**/{word}{literal}"),
        };
        (sql, At { kind: AtKind::from_word(word).unwrap(), value })
    });
    let snapshot = (0..i64::MAX).prop_map(|id| {
        (format!("FOR VERSION AS OF {id}"), At { kind: AtKind::Snapshot, value: id.to_string() })
    });
    prop_oneof![4 => named, 1 => snapshot]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        name in "[ -~äÖ☃]{1,10}",
        schema in prop::option::of("[ -~]{1,5}"),
        alias in prop::option::of("[ -~ß]{1,5}"),
        (sql, at) in version(),
        rest in prop::sample::select(vec!["", ";", " WHERE true", " JOIN u ON true", ", u", " ORDER BY 1 -- AT TAG 'x'"]),
    ) {
        let mut text = "SELECT ';', 'AT TAG x' FROM ".to_owned();
        if let Some(schema) = &schema {
            text = format!("{text}{}.", quoted(schema, '"'));
        }
        text = format!("{text}{} {sql}", quoted(&name, '"'));
        if let Some(alias) = &alias {
            text = format!("{text} AS {}", quoted(alias, '"'));
        }
        text.push_str(rest);
        let found = tables(&text);
        let prefix = schema.map(|schema| format!("{schema}.")).unwrap_or_default();
        let alias = quoted(&alias.unwrap_or_else(|| name.clone()), '"');
        prop_assert_eq!(&found[0], &format!("{prefix}{name}@{}:{} {alias}", at.kind.word(), at.value));
        prop_assert!(found[1..].iter().all(|other| other == "u"));
    }

    #[test]
    fn nothing_panics(text in "(SELECT|FROM|AT|TAG|t|x|,|\\(|\\)|'v'|FOR|VERSION|AS|OF|WITH|JOIN|;| |INTO|MERGE|BRANCH|\"q\"|1|@|\\{|~|-|\\$\\$){0,40}") {
        let _outcome = parse(&text).map(|parsed| parsed.len());
        let _outcome = parse(&text.replace("FROM", " FROM ")).map(|parsed| parsed.len());
    }
}
