//! Errands: what goes on once at a time and to its end, whoever asks for it and leaves before it is done.
//!
//! Strangers make this server ask an issuer. So that they cannot make it ask twice, nor begin again and again by hanging
//! up, the work belongs to the module and not to a request.

use std::sync::Arc;

use opspilot_core::module::{Context, Tasks};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Where errands run: beside the requests of a module, and no longer than it.
#[derive(Debug, Clone)]
pub(super) struct Background {
    tasks: Tasks,
    cancel: CancellationToken,
}

/// One errand.
#[derive(Debug)]
pub(super) struct Errand {
    name: &'static str,
    background: Background,
    turn: Arc<Mutex<()>>,
}

impl Background {
    /// Beside the requests of a module.
    pub(super) fn of(cx: &Context) -> Self {
        Self {
            tasks: cx.tasks.clone(),
            cancel: cx.cancel.clone(),
        }
    }

    /// On `tasks`, which nobody stops.
    pub(super) fn on(tasks: Tasks) -> Self {
        Self {
            tasks,
            cancel: CancellationToken::new(),
        }
    }

    /// An errand that nobody is on.
    pub(super) fn errand(&self, name: &'static str) -> Errand {
        Errand {
            name,
            background: self.clone(),
            turn: Arc::default(),
        }
    }
}

impl Errand {
    /// Waits until somebody has done what is due: begins with `work`, unless it is under way or was just done. `work`
    /// ends by itself, and leaves behind what `is_due` goes by.
    ///
    /// # Cancel safety
    /// What has begun goes on.
    pub(super) async fn run<W>(&self, is_due: impl Fn() -> bool, work: impl FnOnce() -> W)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        if !is_due() {
            return;
        }
        if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
            // It may have been done between the question and the turn.
            if !is_due() {
                return;
            }
            let (work, cancel) = (work(), self.background.cancel.clone());
            self.background.tasks.spawn(self.name, async move {
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => {}
                    () = work => {}
                }
                drop(turn);
            });
        }
        drop(self.turn.lock().await);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;
    use futures_util::poll;

    use super::*;

    const LONG: Duration = Duration::from_secs(1);

    /// How often the work was begun and was done.
    #[derive(Debug, Default)]
    struct Counts {
        begun: AtomicUsize,
        done: AtomicUsize,
    }

    impl Counts {
        fn seen(&self) -> (usize, usize) {
            let seen = |count: &AtomicUsize| count.load(Ordering::SeqCst);
            (seen(&self.begun), seen(&self.done))
        }

        /// Work that takes long.
        async fn work(self: Arc<Self>) {
            self.begun.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(LONG).await;
            self.done.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn run(errand: &Errand, counts: &Arc<Counts>) {
        let is_due = || counts.seen().1 == 0;
        errand.run(is_due, || Arc::clone(counts).work()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_wait_for_one() {
        let errand = Background::on(Tasks::of("test")).errand("test");
        let counts = Arc::default();
        join_all((0..9).map(|_| run(&errand, &counts))).await;
        assert_eq!(counts.seen(), (1, 1));
        run(&errand, &counts).await;
        assert_eq!(counts.seen(), (1, 1), "not due");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_done_although_whoever_began_it_left() {
        let errand = Background::on(Tasks::of("test")).errand("test");
        let counts = Arc::default();
        for _ in 0..3 {
            let mut first = Box::pin(run(&errand, &counts));
            assert!(poll!(first.as_mut()).is_pending());
            drop(first);
            tokio::task::yield_now().await;
        }
        run(&errand, &counts).await;
        assert_eq!(counts.seen(), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_what_panics_or_was_stopped() {
        let background = Background::on(Tasks::of("test"));
        let errand = background.errand("test");
        errand.run(|| true, || async { panic!("on purpose") }).await;
        let counts = Arc::default();
        let mut waiting = Box::pin(run(&errand, &counts));
        assert!(poll!(waiting.as_mut()).is_pending());
        background.cancel.cancel();
        waiting.await;
        assert_eq!(counts.seen().1, 0);
    }
}
