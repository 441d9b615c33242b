//! One test for each way to rotate a log and to count what was found.

mod campaign;
mod log;
mod proof;
mod random;
mod writer;

use self::campaign::{Campaign, Counting};
use self::log::Rotation;

/// Each marked line is an incident of its own.
fn one_by_one(name: &str, rotation: Rotation) {
    Campaign {
        name,
        rotation,
        counting: Counting::Incidents,
    }
    .run();
}

/// All marked lines are counted on few incidents.
fn together(name: &str, rotation: Rotation) {
    Campaign {
        name,
        rotation,
        counting: Counting::Occurrences,
    }
    .run();
}

#[test]
fn every_line_is_seen_once_although_the_log_is_renamed() {
    one_by_one(
        "every_line_is_seen_once_although_the_log_is_renamed",
        Rotation::Rename,
    );
}

#[test]
fn every_line_is_seen_once_although_the_log_is_copied_and_truncated() {
    one_by_one(
        "every_line_is_seen_once_although_the_log_is_copied_and_truncated",
        Rotation::CopyTruncate,
    );
}

#[test]
fn every_line_is_seen_once_although_the_log_is_renamed_and_compressed() {
    one_by_one(
        "every_line_is_seen_once_although_the_log_is_renamed_and_compressed",
        Rotation::Compress,
    );
}

#[test]
fn every_line_is_seen_once_although_the_log_is_deleted_and_made_again() {
    one_by_one(
        "every_line_is_seen_once_although_the_log_is_deleted_and_made_again",
        Rotation::Recreate,
    );
}

#[test]
fn every_line_is_seen_once_although_a_link_moves_to_another_log() {
    one_by_one(
        "every_line_is_seen_once_although_a_link_moves_to_another_log",
        Rotation::Link,
    );
}

#[test]
fn every_line_is_seen_once_in_many_files_of_a_glob() {
    one_by_one(
        "every_line_is_seen_once_in_many_files_of_a_glob",
        Rotation::Glob,
    );
}

#[test]
fn every_line_is_counted_once_although_the_log_is_renamed() {
    together(
        "every_line_is_counted_once_although_the_log_is_renamed",
        Rotation::Rename,
    );
}

#[test]
fn every_line_is_counted_once_in_many_files_of_a_glob() {
    together(
        "every_line_is_counted_once_in_many_files_of_a_glob",
        Rotation::Glob,
    );
}
