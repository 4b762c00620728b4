//! Waiting requests: first come first served on each branch, branches in turn.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::{Condvar, Mutex};

use super::{CommitterStats, Job};
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::limits::COMMIT_QUEUE_MAX;

type BranchKey = (u64, String);

#[derive(Debug, Default)]
struct State {
    branches: BTreeMap<BranchKey, VecDeque<Job>>,
    /// Branches with waiting requests, in the order of their turns.
    turns: VecDeque<BranchKey>,
    waiting: usize,
    closed: bool,
    stats: CommitterStats,
}

/// The queue of the committer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

impl Queue {
    /// Adds a request.
    pub(super) fn push(&self, job: Job) -> Result<()> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::new(ErrorKind::Unavailable, "the server is stopping"));
        }
        if state.waiting >= COMMIT_QUEUE_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("{COMMIT_QUEUE_MAX} changes are waiting already; try again in a moment"),
            ));
        }
        state.add(job, false);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Puts back requests that were taken and not evaluated, before all others of their branches.
    pub(super) fn put_back(&self, jobs: Vec<Job>) {
        let mut state = self.state.lock();
        for job in jobs.into_iter().rev() {
            state.add(job, true);
        }
    }

    /// Waits for requests and takes up to `max`; `None` once the queue is closed and empty.
    pub(super) fn take(&self, max: usize) -> Option<Vec<Job>> {
        let mut state = self.state.lock();
        while state.waiting == 0 {
            if state.closed {
                return None;
            }
            self.arrived.wait(&mut state);
        }
        let mut taken = Vec::new();
        while taken.len() < max {
            let Some(key) = state.turns.pop_front() else { break };
            let Some(jobs) = state.branches.get_mut(&key) else { continue };
            if let Some(job) = jobs.pop_front() {
                taken.push(job);
            }
            if jobs.is_empty() {
                state.branches.remove(&key);
            } else {
                state.turns.push_back(key);
            }
        }
        state.waiting -= taken.len();
        Some(taken)
    }

    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_all();
    }

    pub(super) fn published(&self, commits: u64, movements: u64) {
        let mut state = self.state.lock();
        state.stats.groups += 1;
        state.stats.commits += commits;
        state.stats.movements += movements;
    }

    pub(super) fn stats(&self) -> CommitterStats {
        let state = self.state.lock();
        CommitterStats { waiting: state.waiting as u64, ..state.stats }
    }
}

impl State {
    fn add(&mut self, job: Job, front: bool) {
        let key = job.queue_key();
        let jobs = self.branches.entry(key.clone()).or_default();
        if jobs.is_empty() {
            if front {
                self.turns.push_front(key);
            } else {
                self.turns.push_back(key);
            }
        }
        if front {
            jobs.push_front(job);
        } else {
            jobs.push_back(job);
        }
        self.waiting += 1;
    }
}
