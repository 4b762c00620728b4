//! Differences of states, in pages.

use nunatak::version::diff::{DifferenceKind, Renames, TreeSource, differences};

use crate::world::World;

fn diff(left: &str, right: &str, limit: usize) -> Vec<String> {
    let world = World::default();
    let (left, right) = (world.build(&world.parse(left)), world.build(&world.parse(right)));
    let renames = Renames::find(world.nodes(), left, right).unwrap();
    assert!(renames.is_complete());
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let found =
            differences(world.nodes(), left, right, &renames, after.as_deref(), limit).unwrap();
        let Some(last) = found.last() else { return lines };
        after = Some(last.key.to_vec());
        for item in found {
            let path = item.entry().unwrap().path.join(".");
            lines.push(match item.kind {
                DifferenceKind::Added => format!("+{path}"),
                DifferenceKind::Removed => format!("-{path}"),
                DifferenceKind::Changed => format!("~{path}"),
                DifferenceKind::Renamed { from } => format!("{}>{path}", from.join(".")),
            });
        }
    }
}

#[test]
fn every_kind() {
    let rows: [(&str, &str, &[&str]); 8] = [
        ("s/:1 s.t:2=a", "s/:1 s.t:2=a", &[]),
        ("", "s/:1 s.t:2=a", &["+s", "+s.t"]),
        ("s/:1 s.t:2=a", "", &["-s", "-s.t"]),
        ("s/:1=a:1 s.t:2=a", "s/:1=a:2 s.t:2=b", &["~s", "~s.t"]),
        ("s/:1 s.t:2=a", "s/:1 s.n:2=b", &["s.t>s.n"]),
        ("s/:1 s.t:2=a", "s/:1 s.T:2=a", &["s.t>s.T"]),
        // Dropped and created again: one change.
        ("s/:1 s.t:2=a", "s/:1 s.t:3=b", &["~s.t"]),
        // Names in a circle, and a renamed table on the name of a dropped one.
        (
            "s/:1 s.a:2=x s.b:3=x s.c:4=x s.d:5=x",
            "s/:1 s.b:2=x s.a:3=x s.d:4=x",
            &["s.b>s.a", "s.a>s.b", "-s.d", "s.c>s.d"],
        ),
    ];
    for (left, right, expected) in rows {
        for limit in [1, 2, 100] {
            assert_eq!(diff(left, right, limit), expected, "'{left}' to '{right}' by {limit}");
        }
    }
}
