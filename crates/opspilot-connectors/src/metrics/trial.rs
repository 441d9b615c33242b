//! Takes the readings once: for `check --online`.

use opspilot_core::module::{Found, Trial, TrialContext};
use tokio::time::Instant;

use super::config::Config;
use super::sampler::Sampler;
use super::tree::Troubles;

/// Takes the readings of one cycle and drops them.
pub(super) async fn try_readings(config: &Config, cx: &TrialContext) -> Trial {
    let (config, now) = (config.clone(), Instant::now().into_std());
    let work = move || {
        let mut sampler = Sampler::new(config, "/");
        sampler.cycle(now);
        judge(&sampler.take_troubles())
    };
    cx.attempt_blocking("/proc", work).await
}

/// Without the first two files nothing is known; all others are missing on some kernels.
fn judge(troubles: &Troubles) -> Found {
    let needed = ["/proc/stat", "/proc/meminfo"];
    if let Some(path) = needed.iter().find(|path| troubles.absent.contains(**path)) {
        return Err(format!("`{path}` is not there: mount `/proc`"));
    }
    if let Some(told) = troubles.told() {
        let way_out = "let OpsPilot read it, or take its group out of `enabledMetrics`";
        let way_out = (!troubles.failed.is_empty()).then(|| format!("; {way_out}"));
        return Err(told + &way_out.unwrap_or_default());
    }
    let absent: Vec<&str> = troubles.absent.iter().map(String::as_str).collect();
    let note = || format!("this system does not have {}", absent.join(", "));
    Ok((!absent.is_empty()).then(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_there_is_told_from_what_may_be_missing() {
        let mut troubles = Troubles::default();
        assert_eq!(judge(&troubles), Ok(None));
        troubles.absent.insert("/proc/pressure/cpu".to_owned());
        let note = judge(&troubles).unwrap().unwrap();
        assert!(note.ends_with("/proc/pressure/cpu"), "{note}");
        let reason = "permission denied".to_owned();
        troubles.failed.insert("/proc/loadavg".to_owned(), reason);
        let fault = judge(&troubles).unwrap_err();
        assert!(
            fault.contains("`/proc/loadavg`: permission denied"),
            "{fault}"
        );
        troubles.absent.insert("/proc/stat".to_owned());
        assert!(judge(&troubles).unwrap_err().contains("mount `/proc`"));
    }
}
