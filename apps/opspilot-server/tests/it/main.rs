//! The real binary, as a person at a terminal and a program at the API meet it.

#[cfg(test)]
#[path = "../common/common.rs"]
mod common;

#[cfg(test)]
mod api;
mod audit;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod first_start;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod online;
#[cfg(test)]
mod probes;
#[cfg(test)]
mod prometheus;
#[cfg(test)]
mod readings;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod safe_action;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod telemetry;
