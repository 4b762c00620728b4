//! Commits keep their bytes and ids from release to release: `tests/golden/v1/commits.txt` holds one
//! per line, id and canonical bytes.

use nunatak::base::hash::to_hex;
use nunatak::version::commit::Commit;

use crate::world::{Map, World};
use nunatak::version::graph::CommitSource;

const GOLDEN: &str = include_str!("../golden/v1/commits.txt");

#[test]
fn commits() {
    let world = World::default();
    let first = world.commit_at(&[], &Map::new(), 1_700_000_000_000_000, "ann", &[]);
    let state = world.parse("s/:1=a:1 s.t:2=v");
    let second = world.commit_at(&[first], &state, -1, "Zoë", &[("run", "7"), ("a", "")]);
    let third = world.commit_at(&[first, second], &state, i64::MAX, "", &[]);
    let lines: Vec<String> = [first, second, third]
        .iter()
        .map(|id| {
            let bytes = world.commit(*id).unwrap().encode();
            assert_eq!(Commit::id_of(&bytes), *id);
            assert_eq!(Commit::decode(&bytes).unwrap(), *world.commit(*id).unwrap());
            format!("{id} {}", to_hex(&bytes))
        })
        .collect();
    assert_eq!(lines, GOLDEN.lines().collect::<Vec<_>>());
}
