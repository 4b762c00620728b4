//! Laws of the merge over random states.

use std::collections::{BTreeMap, BTreeSet};

use nunatak::base::ids::{CommitId, ContentId};
use nunatak::version::conflict::Side;
use nunatak::version::merge::{MergeInput, MergeOptions, merge_commits, merge_trees};
use proptest::prelude::*;

use crate::world::{How, Map, World};

/// One random edit of a state.
#[derive(Clone, Debug)]
struct Step {
    action: u8,
    name: u8,
    other: u8,
    state: u8,
}

fn step() -> impl Strategy<Value = Step> {
    (0_u8..8, any::<u8>(), any::<u8>(), 0_u8..4).prop_map(|(action, name, other, state)| Step {
        action,
        name,
        other,
        state,
    })
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..most)
}

/// Words of a state by path, edited as a catalog allows: a namespace is there before its contents and
/// goes after them; an id is used once.
#[derive(Clone, Default)]
struct Words(BTreeMap<String, (u8, String)>);

const NAMES: [&str; 9] = ["a/", "b/", "a.x/", "a.t", "a.u", "b.t", "b.u", "a.x.t", "a.x.u"];

impl Words {
    fn inside(&self, namespace: &str) -> bool {
        let start = namespace.replace('/', ".");
        self.0.keys().any(|path| path.starts_with(&start))
    }

    fn parent_there(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.rsplit_once('.').is_none_or(|(parent, _)| self.0.contains_key(&format!("{parent}/")))
    }

    fn apply(&mut self, step: &Step, next_id: &mut u8) {
        let pick = |number: u8| NAMES[usize::from(number) % NAMES.len()].to_owned();
        let (name, other) = (pick(step.name), pick(step.other));
        let space = name.ends_with('/');
        let state = if space { format!("p{}:v", step.state) } else { format!("v{}", step.state) };
        match step.action {
            0..=2 if !self.0.contains_key(&name) && self.parent_there(&name) => {
                *next_id += 1;
                self.0.insert(name, (*next_id, state));
            }
            3 | 4 => {
                if let Some((_, old)) = self.0.get_mut(&name) {
                    *old = state;
                }
            }
            5 if !(space && self.inside(&name)) => {
                self.0.remove(&name);
            }
            6 if !space
                && !other.ends_with('/')
                && !self.0.contains_key(&other)
                && self.parent_there(&other) =>
            {
                if let Some(held) = self.0.remove(&name) {
                    self.0.insert(other, held);
                }
            }
            7 if !space && self.0.contains_key(&name) => {
                *next_id += 1;
                self.0.insert(name, (*next_id, state));
            }
            _ => {}
        }
    }

    fn text(&self) -> String {
        let word = |(path, (id, state)): (&String, &(u8, String))| format!("{path}:{id}={state}");
        self.0.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

fn edited(base: &Words, steps: &[Step], next_id: &mut u8) -> Words {
    let mut words = base.clone();
    for step in steps {
        words.apply(step, next_id);
    }
    words
}

/// Namespaces around everything are there, and no content is there twice.
fn check_valid(map: &Map) {
    let mut ids: BTreeSet<ContentId> = BTreeSet::new();
    let paths: BTreeSet<Vec<String>> = map
        .values()
        .filter(|entry| entry.kind.as_str() == "namespace")
        .map(|entry| entry.path.clone())
        .collect();
    for entry in map.values() {
        assert!(ids.insert(entry.id), "{} twice", entry.id);
        let (_, parent) = entry.path.split_last().unwrap();
        assert!(parent.is_empty() || paths.contains(parent), "{:?} has no namespace", entry.path);
    }
}

/// A merge of single contents without moves, worked out by hand: what each id must become, where that
/// is beyond doubt.
fn check_contents(base: &Map, ours: &Map, theirs: &Map, merged: &Map) {
    let by_id = |map: &Map| -> BTreeMap<ContentId, _> {
        map.values().map(|entry| (entry.id, (entry.path.clone(), entry.object))).collect()
    };
    let (base, ours, theirs, merged) = (by_id(base), by_id(ours), by_id(theirs), by_id(merged));
    let ids: BTreeSet<_> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    for id in ids {
        let (b, o, t) = (base.get(id), ours.get(id), theirs.get(id));
        let m = merged.get(id);
        // A namespace that both added keeps one of two ids.
        if let (None, None, None, Some((path, _))) = (b, m, o, t) {
            assert!(merged.values().any(|(other, _)| other == path));
            continue;
        }
        let one = |b: Option<_>, o: Option<_>, t: Option<_>| if b == t { o } else { t };
        if b.is_some() && (o.is_none() || t.is_none()) {
            assert_eq!(m, None, "dropped on a side");
        } else if b.is_some() {
            let path = |state: Option<&(Vec<String>, _)>| state.map(|state| state.0.clone());
            assert_eq!(path(m), one(path(b), path(o), path(t)));
        } else {
            assert_eq!(path_of(m), path_of(o.or(t)));
        }
    }
}

fn path_of<T>(state: Option<&(Vec<String>, T)>) -> Option<&Vec<String>> {
    state.map(|state| &state.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn laws(before in steps(20), left in steps(8), right in steps(8)) {
        let world = World::default();
        let mut next_id = 0;
        let base = edited(&Words::default(), &before, &mut next_id);
        let ours = edited(&base, &left, &mut next_id);
        let theirs = edited(&base, &right, &mut next_id);
        let text = |words: &Words| world.print(&world.parse(&words.text()));
        let (b, o, t) = (text(&base), text(&ours), text(&theirs));
        let how = How::default();
        prop_assert_eq!(world.merge(&b, &b, &t, &how), t.clone());
        prop_assert_eq!(world.merge(&b, &o, &b, &how), o.clone());
        prop_assert_eq!(world.merge(&b, &o, &o, &how), o.clone());

        let one = world.merge_outcome(&b, &o, &t, &how);
        let other = world.merge_outcome(&b, &t, &o, &how);
        let paths = |outcome: &nunatak::version::merge::MergeOutcome| {
            outcome.conflicts.iter().map(|conflict| conflict.path.clone()).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(paths(&one), paths(&other));
        if one.conflicts.is_empty() {
            let merged = world.apply(&world.parse(&o), &one);
            check_valid(&merged);
            check_contents(&world.parse(&b), &world.parse(&o), &world.parse(&t), &merged);
            let mirrored = world.apply(&world.parse(&t), &other);
            let states = |map: &Map| -> Vec<_> {
                map.values().map(|entry| (entry.path.clone(), entry.object)).collect()
            };
            prop_assert_eq!(states(&merged), states(&mirrored));
            // What is merged merges again without effect.
            let again = world.merge_outcome(&t, &world.print(&merged), &t, &how);
            prop_assert!(again.writes.is_empty());
        }
        for side in [Side::Ours, Side::Theirs] {
            let taken = world.merge_outcome(&b, &o, &t, &How::take(side));
            prop_assert!(taken.conflicts.is_empty(), "{:?}", taken.conflicts);
            check_valid(&world.apply(&world.parse(&o), &taken));
        }
    }

    /// Random histories with criss-cross merges: whatever the bases, results are valid and the sides
    /// are treated alike.
    #[test]
    fn histories(rounds in prop::collection::vec((steps(5), steps(5), any::<bool>(), any::<bool>()), 1..6)) {
        let world = World::default();
        let mut next_id = 0;
        let root = world.commit_text(&[], "a/:200 b/:201");
        let mut heads = [root, root];
        let options = MergeOptions::default();
        for (left, right, merge_left, merge_right) in &rounds {
            for (head, steps) in heads.iter_mut().zip([left, right]) {
                let now = words_of(&world, *head);
                let text = edited(&now, steps, &mut next_id).text();
                *head = world.commit_text(&[*head], &text);
            }
            let [one, two] = heads;
            for (slot, into, from, wanted) in [(0, one, two, merge_left), (1, two, one, merge_right)] {
                if !wanted {
                    continue;
                }
                let how = How::take(if slot == 0 { Side::Ours } else { Side::Theirs });
                let outcome = merge_commits(&world, &world, into, from, &how.options()).unwrap();
                prop_assert!(outcome.conflicts.is_empty(), "{:?}", outcome.conflicts);
                let merged = world.apply(&world.map_of(into), &outcome);
                check_valid(&merged);
                heads[slot] = world.commit_map(&[into, from], &merged);
            }
            let [one, two] = heads;
            let there = merge_commits(&world, &world, one, two, &options).unwrap();
            let back = merge_commits(&world, &world, two, one, &options).unwrap();
            prop_assert_eq!(there.conflicts.is_empty(), back.conflicts.is_empty());
            prop_assert_eq!(&there.bases, &back.bases);
            if there.conflicts.is_empty() {
                check_valid(&world.apply(&world.map_of(one), &there));
            }
            if let [base] = there.bases.as_slice() && !there.already_merged {
                let tree = |id: CommitId| world.build(&world.map_of(id));
                let input = MergeInput {
                    base: tree(*base), ours: tree(one), theirs: tree(two),
                    ours_commit: one, theirs_commit: two,
                };
                let direct = merge_trees(&world, &input, &options).unwrap();
                prop_assert_eq!(direct.writes, there.writes);
            }
        }
    }
}

fn words_of(world: &World, commit: CommitId) -> Words {
    let text = world.print(&world.map_of(commit));
    let mut words = Words::default();
    for word in text.split_whitespace() {
        let (path, rest) = word.split_once(':').unwrap();
        let (id, state) = rest.split_once('=').unwrap_or((rest, ""));
        words.0.insert(path.to_owned(), (id.parse().unwrap(), state.to_owned()));
    }
    words
}
