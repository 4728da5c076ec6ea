use std::fmt;

use aws_lc_rs::rand;

/// Where randomness comes from.
///
/// # Security
///
/// Every token, salt, nonce and key in Gatekeeper is drawn from here. An implementation must be a cryptographically
/// secure generator; the ones in [`testing`](crate::testing) are not.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Panics
    ///
    /// An implementation that cannot deliver must panic: there is no safe answer without randomness, and falling back
    /// to something weaker is how CVE-2025-66565 came about.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// `N` unpredictable bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the system's generator is asked"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        assert!(
            rand::fill(bytes).is_ok(),
            "the operating system's random generator failed"
        );
    }
}
