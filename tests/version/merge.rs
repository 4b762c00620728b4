//! Every rule of the merge as a row: base, ours, theirs, result.

use nunatak::version::conflict::{MergeAction, Side};
use nunatak::version::merge::MergeOptions;
use nunatak::version::pick;

use crate::world::{How, World};

#[track_caller]
fn check(rows: &[[&str; 4]]) {
    for [base, ours, theirs, expected] in rows {
        let merged = World::default().merge(base, ours, theirs, &How::default());
        assert_eq!(merged, *expected, "base '{base}', ours '{ours}', theirs '{theirs}'");
    }
}

#[test]
fn one_side_or_both_alike() {
    check(&[
        ["", "", "", ""],
        ["s/:1 s.t:2=a", "s/:1 s.t:2=b", "s/:1 s.t:2=a", "s.t:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.t:2=a", "s/:1 s.t:2=b", "s.t:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.t:2=b", "s/:1 s.t:2=b", "s.t:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1", "s/:1 s.t:2=a", "s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.t:2=a", "s/:1", "s/:1"],
        ["s/:1 s.t:2=a", "s/:1", "s/:1", "s/:1"],
        ["s/:1", "s/:1 s.t:2=a", "s/:1 s.u:3=b", "s.t:2=a s.u:3=b s/:1"],
        ["s/:1", "s/:1 s.t:2=a", "s/:1 s.t:2=a", "s.t:2=a s/:1"],
        ["s/:1 s.t:2=a s.u:3=a", "s/:1 s.t:2=b s.u:3=a", "s/:1 s.t:2=a", "s.t:2=b s/:1"],
        ["", "default.t:2=a", "default.u:3=a", "default.t:2=a default.u:3=a"],
        ["", "", "a/:1 a.b/:2 a.b.t:3=x", "a.b.t:3=x a.b/:2 a/:1"],
    ]);
}

#[test]
fn changes_that_contradict() {
    check(&[
        [
            "s/:1 s.t:2=a",
            "s/:1 s.t:2=b",
            "s/:1 s.t:2=c",
            "! s.t: both sides changed the table in different ways",
        ],
        [
            "s/:1 s.t:2=a",
            "s/:1 s.t:2=b",
            "s/:1",
            "! s.t: the target changed the table, the source dropped it",
        ],
        [
            "s/:1 s.t:2=a",
            "s/:1",
            "s/:1 s.t:2=b",
            "! s.t: the source changed the table, the target dropped it",
        ],
        [
            "s/:1",
            "s/:1 s.t:2=a",
            "s/:1 s.t:3=a",
            "! s.t: each side has another content at this name: the target a table, the source a table",
        ],
        [
            "s/:1",
            "s/:1 s.T:2=a",
            "s/:1 s.t:3=a",
            "! s.T: each side has another content at this name: the target a table, the source a \
             table (the target writes s.T, the source s.t)",
        ],
    ]);
}

#[test]
fn renames() {
    check(&[
        // Renamed on one side, changed on the other: both stay.
        ["s/:1 s.t:2=a", "s/:1 s.n:2=a", "s/:1 s.t:2=b", "s.n:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.t:2=b", "s/:1 s.n:2=a", "s.n:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.n:2=b", "s/:1 s.t:2=a", "s.n:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.n:2=b", "s/:1 s.n:2=a", "s.n:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.n:2=a", "s/:1 s.n:2=a", "s.n:2=a s/:1"],
        // A name left free is taken by something new.
        ["s/:1 s.t:2=a", "s/:1 s.n:2=a", "s/:1 s.t:2=b", "s.n:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.n:2=a s.t:3=x", "s/:1 s.t:2=b", "s.n:2=b s.t:3=x s/:1"],
        // Two tables swap names while the other side changes both.
        [
            "s/:1 s.t:2=a s.u:3=b",
            "s/:1 s.u:2=a s.t:3=b",
            "s/:1 s.t:2=c s.u:3=d",
            "s.t:3=d s.u:2=c s/:1",
        ],
        // Only the spelling differs.
        ["s/:1 s.t:2=a", "s/:1 s.T:2=a", "s/:1 s.t:2=b", "s.T:2=b s/:1"],
        [
            "s/:1 s.t:2=a",
            "s/:1 s.n:2=a",
            "s/:1 s.m:2=a",
            "! s.t: both sides renamed the table: the target to s.n, the source to s.m",
        ],
        [
            "s/:1 s.t:2=a",
            "s/:1 s.n:2=a",
            "s/:1",
            "! s.t: the target renamed the table to s.n, the source dropped it",
        ],
        [
            "s/:1 s.t:2=a",
            "s/:1 s.n:2=b",
            "s/:1 s.t:2=c",
            "! s.t: both sides changed the table in different ways",
        ],
        [
            "s/:1 s.t:2=a",
            "s/:1 s.n:2=a",
            "s/:1 s.t:2=a s.n:3=x",
            "! s.n: each side has another content at this name: the target a table, the source a table",
        ],
    ]);
}

#[test]
fn drop_and_create_again() {
    check(&[
        // Untouched on the other side: a plain replacement.
        ["s/:1 s.t:2=a", "s/:1 s.t:3=b", "s/:1 s.t:2=a", "s.t:3=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.t:2=a", "s/:1 s.t:3=b", "s.t:3=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1", "s/:1 s.t:3=b", "s.t:3=b s/:1"],
        [
            "s/:1 s.t:2=a",
            "s/:1 s.t:3=b",
            "s/:1 s.t:2=c",
            "! s.t: the source changed the table, the target dropped it and created another one of \
             this name",
        ],
        [
            "s/:1 s.t:2=a",
            "s/:1 s.t:3=b",
            "s/:1 s.t:4=c",
            "! s.t: each side has another content at this name: the target a table, the source a table",
        ],
    ]);
}

#[test]
fn namespaces() {
    check(&[
        // Properties are merged one by one.
        ["s/:1=a:1,b:1", "s/:1=a:2,b:1", "s/:1=a:1", "s/:1=a:2"],
        ["s/:1=a:1", "s/:1=a:1,b:1", "s/:1=a:1,c:1", "s/:1=a:1,b:1,c:1"],
        [
            "s/:1=a:1",
            "s/:1=a:2",
            "s/:1=a:3",
            "! s: both sides set the namespace's property 'a' to different values",
        ],
        // Added on both sides: one namespace with the target's id.
        ["", "s/:1 s.t:3=a", "s/:2 s.u:4=b", "s.t:3=a s.u:4=b s/:1"],
        ["", "s/:1=a:1", "s/:2=b:2", "s/:1=a:1,b:2"],
        [
            "",
            "s/:1=a:1",
            "s/:2=a:2",
            "! s: both sides set the namespace's property 'a' to different values",
        ],
        [
            "",
            "S/:1",
            "s/:2",
            "! S: each side has another content at this name: the target a namespace, the source a \
             namespace (the target writes S, the source s)",
        ],
        // Dropped on one side, used on the other.
        [
            "s/:1",
            "",
            "s/:1 s.t:2=a",
            "! s.t: the target dropped the namespace s, the source put this into it",
        ],
        [
            "s/:1",
            "s/:1 s.t:2=a",
            "",
            "! s.t: the source dropped the namespace s, the target put this into it",
        ],
        [
            "s/:1",
            "",
            "s/:1 s.x/:3 s.x.t:2=a",
            "! s.x: the target dropped the namespace s, the source put this into it ! s.x.t: the \
             target dropped the namespace s.x, the source put this into it",
        ],
        [
            "s/:1 o/:5 o.t:2=a",
            "o/:5 o.t:2=a",
            "s/:1 o/:5 s.t:2=a",
            "! s.t: the target dropped the namespace s, the source put this into it",
        ],
        ["s/:1 s.t:2=a", "s/:1 s.t:2=a", "", ""],
        ["default/:1", "", "default/:1 default.t:2=a", "default.t:2=a"],
        [
            "s/:1=a:1",
            "",
            "s/:1=a:2",
            "! s: the source changed the namespace, the target dropped it",
        ],
        // Created again in another spelling: what is put into it is written as it is.
        ["s/:1", "S/:2", "s/:1 s.t:3=a", "S.t:3=a S/:2"],
        ["s/:1 s.t:3=a", "S/:2 S.t:3=a", "s/:1 s.t:3=b", "S.t:3=b S/:2"],
    ]);
}

#[test]
fn a_strategy_takes_whole_sides_of_conflicts_only() {
    let rows = [
        // base, ours, theirs, with ours, with theirs
        [
            "s/:1 s.t:2=a s.u:3=a",
            "s/:1 s.t:2=b s.u:3=a",
            "s/:1 s.t:2=c s.u:3=d",
            "s.t:2=b s.u:3=d s/:1",
            "s.t:2=c s.u:3=d s/:1",
        ],
        ["s/:1 s.t:2=a", "s/:1 s.n:2=a", "s/:1 s.m:2=b", "s.n:2=a s/:1", "s.m:2=b s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.n:2=a", "s/:1", "s.n:2=a s/:1", "s/:1"],
        ["s/:1 s.t:2=a", "s/:1 s.t:3=b", "s/:1 s.t:2=c", "s.t:3=b s/:1", "s.t:2=c s/:1"],
        // The name that a rename took: the renamed table is as the side has it.
        [
            "s/:1 s.t:2=a",
            "s/:1 s.t:2=a s.n:3=x",
            "s/:1 s.n:2=a",
            "s.n:3=x s.t:2=a s/:1",
            "s.n:2=a s/:1",
        ],
        // Making room brings the next one into conflict.
        [
            "s/:1 s.t:2=a",
            "s/:1 s.t:2=a s.n:3=x",
            "s/:1 s.n:2=a s.t:4=y",
            "s.n:3=x s.t:2=a s/:1",
            "s.n:2=a s.t:4=y s/:1",
        ],
        ["s/:1", "", "s/:1 s.t:2=a", "", "s.t:2=a s/:1"],
        ["s/:1", "s/:1 s.t:2=a", "", "s.t:2=a s/:1", ""],
        ["s/:1", "", "s/:1 s.x/:3 s.x.t:2=a", "", "s.x.t:2=a s.x/:3 s/:1"],
        ["a/:1 a.b/:2", "", "a/:1 a.b/:2 a.b.t:3=x", "", "a.b.t:3=x a.b/:2 a/:1"],
        ["", "S/:1 S.t:3=a", "s/:2 s.u:4=b", "S.t:3=a S.u:4=b S/:1", "s.t:3=a s.u:4=b s/:2"],
        ["s/:1=a:1", "s/:1=a:2,b:2", "s/:1=a:3,c:3", "s/:1=a:2,b:2", "s/:1=a:3,c:3"],
    ];
    for [base, ours, theirs, with_ours, with_theirs] in rows {
        for (side, expected) in [(Side::Ours, with_ours), (Side::Theirs, with_theirs)] {
            let merged = World::default().merge(base, ours, theirs, &How::take(side));
            assert_eq!(merged, expected, "{side:?} of '{base}', '{ours}', '{theirs}'");
        }
    }
}

#[test]
fn resolutions_take_one_path() {
    let (base, ours, theirs) = (
        "s/:1 s.t:2=a s.u:3=a s.v:4=a",
        "s/:1 s.t:2=b s.u:3=b s.v:4=a",
        "s/:1 s.t:2=c s.u:3=c s.v:4=c",
    );
    let merge =
        |sides: &[(&str, Side)]| World::default().merge(base, ours, theirs, &How::at(sides));
    assert_eq!(
        merge(&[("s.t", Side::Ours), ("S.U", Side::Theirs)]),
        "s.t:2=b s.u:3=c s.v:4=c s/:1"
    );
    assert_eq!(
        merge(&[("s.t", Side::Ours)]),
        "! s.u: both sides changed the table in different ways"
    );
    // A path without conflict can be left out of the merge as well.
    assert_eq!(
        merge(&[("s.t", Side::Ours), ("s.u", Side::Ours), ("s.v", Side::Ours)]),
        "s.t:2=b s.u:3=b s.v:4=a s/:1"
    );
    // Either name of a renamed table decides all of it; both sides at once contradict.
    let renamed = |sides: &[(&str, Side)]| {
        World::default().merge("s/:1 s.t:2=a", "s/:1 s.n:2=a", "s/:1 s.m:2=b", &How::at(sides))
    };
    for name in ["s.t", "s.n", "s.m"] {
        assert_eq!(renamed(&[(name, Side::Ours)]), "s.n:2=a s/:1", "{name}");
        assert_eq!(renamed(&[(name, Side::Theirs)]), "s.m:2=b s/:1", "{name}");
    }
    assert_eq!(
        renamed(&[("s.n", Side::Ours), ("s.m", Side::Theirs)]),
        "! s.t: the resolutions given contradict each other here"
    );
    // A dropped namespace comes back for what was put into it.
    let dropped =
        |side| World::default().merge("s/:1", "", "s/:1 s.t:2=a", &How::at(&[("s.t", side)]));
    assert_eq!(dropped(Side::Theirs), "s.t:2=a s/:1");
    assert_eq!(dropped(Side::Ours), "");
}

#[test]
fn the_report_says_what_happened() {
    let world = World::default();
    let outcome = world.merge_outcome(
        "s/:1 s.a:2=x s.b:3=x s.c:4=x s.d:5=x s.e:6=x s.f:7=x",
        "s/:1 s.a:2=x s.b:3=x s.c:4=x s.d:5=y s.e:6=y s.f:7=x s.o:9=x",
        "s/:1 s.a:2=y s.c2:4=x s.d2:5=x s.e:6=y s.f:8=x s.n:10=x",
        &How::default(),
    );
    let lines: Vec<String> = outcome
        .changes
        .iter()
        .map(|change| {
            let from = match &change.action {
                MergeAction::Renamed { from } => format!(" from {}", from.join(".")),
                _ => String::new(),
            };
            let (path, action) = (change.path.join("."), change.action.as_str());
            format!("{path} {action}{from}: {}", change.reason)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "s.a changed: the source changed it",
            "s.b removed: the source dropped it",
            "s.c2 renamed from s.c: the source renamed it",
            "s.d2 renamed from s.d: the source renamed s.d; the target's change is kept",
            "s.e kept: both sides made the same change",
            "s.f replaced: the source has another one under this name",
            "s.n added: the source added it",
        ]
    );
}

#[test]
fn criss_cross_histories_take_all_bases() {
    // Both heads merged each other's parent. On either single base the merge would bring a dropped
    // table back or take a change for one of one side only.
    let world = World::default();
    let root = world.commit_text(&[], "s/:1 s.t:2=a s.u:3=a s.v:4=a");
    let left = world.commit_text(&[root], "s/:1 s.u:3=b s.v:4=a");
    let right = world.commit_text(&[root], "s/:1 s.t:2=a s.u:3=a s.v:4=b");
    let ours = world.commit_text(&[left, right], "s/:1 s.u:3=b s.v:4=b");
    let theirs = world.commit_text(&[right, left], "s/:1 s.u:3=b s.v:4=b s.n:5=x");
    let (merged, outcome) = world.merge_commits(ours, theirs);
    assert_eq!(outcome.bases.len(), 2);
    assert_eq!(merged, "s.n:5=x s.u:3=b s.v:4=b s/:1");
    // One head takes back a change of the other line: neither base alone shows it.
    let ours = world.commit_text(&[left, right], "s/:1 s.u:3=a s.v:4=b");
    let (merged, _) = world.merge_commits(ours, theirs);
    assert_eq!(merged, "s.n:5=x s.u:3=a s.v:4=b s/:1");
    let (merged, _) = world.merge_commits(theirs, ours);
    assert_eq!(merged, "s.n:5=x s.u:3=a s.v:4=b s/:1");
}

#[test]
fn bases_in_conflict_equal_nothing() {
    let world = World::default();
    let root = world.commit_text(&[], "s/:1 s.t:2=a");
    let left = world.commit_text(&[root], "s/:1 s.t:2=b");
    let right = world.commit_text(&[root], "s/:1 s.t:2=c");
    let head = |text: &str, first, second| world.commit_text(&[first, second], text);
    let took_left = head("s/:1 s.t:2=b", left, right);
    let took_right = head("s/:1 s.t:2=c s.n:3=x", right, left);
    let (merged, _) = world.merge_commits(took_left, took_right);
    assert_eq!(
        merged,
        "! s.t: the sides differ, and so did the common ancestors of this criss-cross history"
    );
    let took_left_too = head("s/:1 s.t:2=b s.n:3=x", right, left);
    assert_eq!(world.merge_commits(took_left, took_left_too).0, "s.n:3=x s.t:2=b s/:1");
    let dropped = head("s/:1 s.n:3=x", right, left);
    assert_eq!(
        world.merge_commits(took_left, dropped).0,
        "! s.t: the sides differ, and so did the common ancestors of this criss-cross history"
    );
}

#[test]
fn merged_already() {
    let world = World::default();
    let root = world.commit_text(&[], "s/:1");
    let head = world.commit_text(&[root], "s/:1 s.t:2=a");
    let outcome = world.merge_commits(head, root).1;
    assert!(outcome.already_merged && outcome.writes.is_empty());
    assert!(world.merge_commits(head, head).1.already_merged);
    let outcome = world.merge_commits(root, head).1;
    assert!(!outcome.already_merged);
    assert_eq!(outcome.writes.len(), 1);
}

#[test]
fn revert_and_cherry_pick() {
    let world = World::default();
    let options = MergeOptions::default();
    let first = world.commit_text(&[], "s/:1 s.t:2=a");
    let second = world.commit_text(&[first], "s/:1 s.t:2=b s.u:3=x");
    let head = world.commit_text(&[second], "s/:1 s.t:2=b s.u:3=x s.v:4=x");
    let show = |head, outcome| world.show(&world.map_of(head), &outcome);
    let outcome = pick::revert(&world, &world, head, second, &options).unwrap();
    assert_eq!(show(head, outcome), "s.t:2=a s.v:4=x s/:1");
    assert!(pick::revert(&world, &world, head, first, &options).is_err());
    let reverted = world.commit_text(&[head], "s/:1 s.t:2=a s.v:4=x");
    let outcome = pick::revert(&world, &world, reverted, second, &options).unwrap();
    assert!(outcome.writes.is_empty() && outcome.conflicts.is_empty());
    let outcome = pick::cherry_pick(&world, &world, reverted, second, &options).unwrap();
    assert_eq!(show(reverted, outcome), "s.t:2=b s.u:3=x s.v:4=x s/:1");
    let moved_on = world.commit_text(&[head], "s/:1 s.t:2=c s.u:3=x");
    let outcome = pick::revert(&world, &world, moved_on, second, &options).unwrap();
    assert_eq!(show(moved_on, outcome), "! s.t: both sides changed the table in different ways");
    // A merge is taken back against its first parent.
    let side = world.commit_text(&[first], "s/:1 s.t:2=a s.w:5=x");
    let merge = world.commit_text(&[head, side], "s/:1 s.t:2=b s.u:3=x s.v:4=x s.w:5=x");
    let outcome = pick::revert(&world, &world, merge, merge, &options).unwrap();
    assert_eq!(show(merge, outcome), world.print(&world.map_of(head)));
}
