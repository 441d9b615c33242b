//! The process dies after any of its writes.

use std::sync::Arc;

use opspilot_core::clock::{ManualClock, Timestamp};
use opspilot_core::incident::Transition;
use opspilot_core::storage::MemoryStorage;

use super::{Scene, options};
use crate::dying::Dying;

/// Runs one life of an incident with a process that dies after `writes` writes and another that takes over. Returns what
/// was told, and whether the first process died.
async fn life(writes: usize) -> (Vec<String>, bool) {
    let memory = Arc::new(MemoryStorage::default());
    let clock = ManualClock::starting_at(Timestamp::parse("2026-03-02T12:00:00Z").unwrap());
    let setup = Scene::on(Arc::clone(&memory) as _, Arc::clone(&clock), options()).await;
    setup.create("a").await;
    setup.cx.cancel.cancel();
    setup.bench.bus.close(std::future::ready(())).await;
    let dying = Dying::after(&memory, writes);
    let first = Scene::on(Arc::clone(&dying) as _, Arc::clone(&clock), options()).await;
    first.pass(40).await;
    first.cx.cancel.cancel();
    first.bench.bus.close(std::future::ready(())).await;
    let second = Scene::on(memory, clock, options()).await;
    second.pass(30).await;
    second.move_to("a", Transition::Close).await;
    second.pass(30).await;
    (second.told().await, dying.left() == 0)
}

#[tokio::test(start_paused = true)]
async fn every_level_is_told_exactly_once_whenever_the_process_dies() {
    let mut deaths = 0;
    for writes in 0..40 {
        let (told, has_died) = life(writes).await;
        // A process that died before the first level let both fall due: the second names the first.
        let levels: Vec<_> = told
            .iter()
            .map(|line| line.split(' ').skip(2).collect::<Vec<_>>().join(" "))
            .collect();
        let in_time = ["L1 x0", "L2 x0", "L2 x1", "L2 x2"];
        let late = ["L2 x0 past [1]", "L2 x1", "L2 x2"];
        assert!(
            levels == in_time || levels == late,
            "after {writes} writes: {told:?}"
        );
        deaths += usize::from(has_died);
    }
    assert!((4..40).contains(&deaths), "{deaths} deaths");
}
