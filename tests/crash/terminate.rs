//! SIGTERM under load.

use std::sync::Arc;

use crate::kill::{burst, writers};
use crate::ledger::Ledger;
use crate::load::prepare;
use crate::process::{Server, verify};

#[test]
fn sigterm_under_load_answers_what_was_taken_and_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let ledger = Arc::new(Ledger::default());
    let mut server = Server::start(&data);
    prepare(&mut server.client(), writers());
    for round in 1..=3 {
        let busy = burst(&server, &ledger, round, round, 60);
        assert_eq!(server.terminate(), Some(0));
        for writer in busy {
            writer.join().unwrap();
        }
        verify(&data);
        server = Server::start(&data);
        // A request whose answer did not come was not taken: nothing is in doubt.
        ledger.check(&mut server.client(), true);
    }
}
