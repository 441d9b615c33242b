//! Connections that are cut at random moments, and restarts of the server between.

use super::*;

/// How many changes a run makes.
const CHANGES: u64 = 120;

struct Story {
    api: Api,
    random: u64,
    expected: BTreeSet<String>,
    last: BTreeMap<String, String>,
}

impl Story {
    fn random(&mut self, below: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    /// Something happens in the cluster.
    fn step(&mut self, number: u64, compacts: bool) {
        let name = format!("o{}", self.random(6));
        match self.random(10) {
            kind @ 0..=7 => self.happen(kind > 4, &name, number),
            8 => {
                self.api.delete("pods", &name);
                self.last.remove(&format!("pod {name}"));
            }
            _ if compacts => self.api.compact(),
            _ => {}
        }
    }

    fn happen(&mut self, is_pod: bool, name: &str, number: u64) {
        if is_pod {
            self.api.pod(name, "CrashLoopBackOff", number);
            let line = format!(
                "[K8S_POD] [CrashLoopBackOff] shop/{name}/main: back-off 5m0s (restarts: {number})"
            );
            self.expect(&format!("pod {name}"), line);
        } else {
            self.api.event(name, number);
            self.expect(
                name,
                format!("[K8S_EVENT] [Warning] Pod/web: BackOff — {name} {number}"),
            );
        }
    }

    fn expect(&mut self, object: &str, line: String) {
        self.expected.insert(line.clone());
        self.last.insert(object.to_owned(), line);
    }
}

async fn play(seed: u64, compacts: bool) {
    eprintln!("seed {seed}, compacts: {compacts}");
    let api = Api::start().await;
    let mut story = Story {
        api: api.clone(),
        random: seed,
        expected: BTreeSet::new(),
        last: BTreeMap::new(),
    };
    let mut bench = Bench::new().await;
    let mut running = Running::start(&bench, &api.yaml("")).await;
    // What happens before the first list is told as far as it shows there.
    let mut sent: Vec<Sent> = Vec::new();
    for is_pod in [false, true] {
        story.happen(is_pod, "first", 0);
        sent.extend(running.records(1).await);
    }
    api.change(|state| state.cuts = seed);
    for number in 1..=CHANGES {
        story.step(number, compacts);
        if story.random(4) == 0
            && let Some(more) = running.next(Duration::from_millis(20)).await
        {
            sent.extend(more);
        }
        if number % 40 == 0 {
            running.stop().await;
            bench = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
            running = Running::start(&bench, &api.yaml("")).await;
        }
    }
    api.change(|state| state.cuts = 0);
    // A batch that was not taken before a restart comes again: what is published of it is recognised by its position.
    let patience = Duration::from_millis(2500);
    while let Some(more) = running.next(patience).await {
        sent.extend(more);
    }
    running.stop().await;
    let places: BTreeSet<_> = sent
        .iter()
        .map(|sent| (sent.stream.clone(), sent.position))
        .collect();
    let lines: BTreeSet<_> = sent.iter().map(|sent| sent.line.clone()).collect();
    assert_eq!(
        places.len(),
        lines.len(),
        "a line came under two positions: {sent:#?}"
    );
    if compacts {
        for line in story.last.values() {
            assert!(lines.contains(line), "{line} is missing");
        }
        assert!(lines.is_subset(&story.expected));
    } else {
        assert_eq!(lines, story.expected);
    }
}

#[tokio::test]
async fn cut_connections_lose_and_repeat_nothing() {
    for seed in [1, 2] {
        play(seed, false).await;
    }
}

#[tokio::test]
async fn a_forgotten_history_costs_what_came_between_alone() {
    for seed in [3, 4] {
        play(seed, true).await;
    }
}
