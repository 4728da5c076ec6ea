use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{Error, model::OutboxEntry};

/// What one of the things at hand ended with.
pub(super) enum Step {
    /// Entries were taken.
    Claimed(Result<Vec<OutboxEntry>, Error>),
    /// An entry was attempted.
    Attempted(Result<Attempted, Error>),
}

/// What became of an attempt.
#[derive(Clone, Copy)]
pub(super) enum Attempted {
    Done,
    Failed,
}

type Task<'a> = Pin<Box<dyn Future<Output = Step> + Send + 'a>>;

/// What is under way, older before newer, all within one task: it waits for others, it does not compute. Claiming is among it,
/// since whoever waits for the store while an attempt that holds the store is not polled waits for ever. Attempts begin in the
/// order in which they were added.
#[derive(Default)]
pub(super) struct AtHand<'a>(Vec<Task<'a>>);

impl<'a> AtHand<'a> {
    pub(super) fn push(&mut self, task: Task<'a>) {
        self.0.push(task);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next one that ends; waits for ever where there is none. Dropping what this returns drops nothing that is at hand.
    pub(super) async fn next(&mut self) -> Step {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        for (index, task) in self.0.iter_mut().enumerate() {
            if let Poll::Ready(step) = task.as_mut().poll(cx) {
                drop(self.0.remove(index));
                return Poll::Ready(step);
            }
        }
        Poll::Pending
    }
}
