//! Randomness as a parameter.

use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::Mutex;

/// Gives random bytes.
pub trait Entropy: Debug + Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// A source of randomness shared between components.
pub type SharedEntropy = Arc<dyn Entropy>;

/// A random (version 4) UUID.
#[must_use]
pub fn uuid_v4(entropy: &dyn Entropy) -> uuid::Uuid {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The operating system's generator, read in blocks.
#[derive(Debug, Default)]
pub struct OsEntropy {
    pool: Mutex<Vec<u8>>,
}

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    #[expect(clippy::panic, reason = "a system without randomness cannot make unique names")]
    fn fill(&self, buffer: &mut [u8]) {
        let mut pool = self.pool.lock();
        if pool.len() < buffer.len() {
            let mut block = vec![0_u8; buffer.len().max(1024)];
            if let Err(error) = getrandom::fill(&mut block) {
                panic!("the operating system gives no randomness: {error}");
            }
            *pool = block;
        }
        let rest = pool.len() - buffer.len();
        buffer.copy_from_slice(&pool[rest..]);
        pool.truncate(rest);
    }
}

/// A reproducible sequence, for tests.
#[derive(Debug)]
pub struct SeededEntropy {
    state: Mutex<u64>,
}

impl SeededEntropy {
    /// Starts the sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.state.lock();
        for chunk in buffer.chunks_mut(8) {
            // SplitMix64 (Steele, Lea, Flood 2014).
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}
