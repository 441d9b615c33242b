use std::fs;
use std::os::unix::fs::symlink;

use super::harness::{Harness, lines, size, write_at};

#[test]
fn lines_are_read_as_they_come_and_an_unfinished_one_after_a_while() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", "one\r\ntwo\n\nthr");
    tail.read();
    assert_eq!(tail.texts(), ["one", "two"]);
    tail.append("app.log", "ee\nfour");
    tail.read();
    assert_eq!(tail.texts(), ["one", "three", "two"]);
    tail.pass(1100);
    tail.read();
    assert_eq!(tail.texts(), ["four", "one", "three", "two"]);
    tail.append("app.log", " and more\n");
    tail.read();
    assert!(tail.texts().contains(&" and more".to_owned()));
}

#[test]
fn what_is_there_at_the_first_start_is_passed_over_and_nothing_else() {
    let mut tail = Harness::new(&["*.log"]);
    tail.from_beginning = false;
    tail.append("old.log", lines(900..903));
    tail.read();
    tail.append("old.log", lines(0..2));
    tail.append("new.log", lines(2..4));
    tail.read();
    tail.store();
    tail.crash();
    tail.append("later.log", lines(4..6));
    tail.append("old.log", lines(6..8));
    tail.settle();
    tail.assert_lines(8);
}

#[test]
fn a_restart_resumes_behind_what_was_acknowledged() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", lines(0..10));
    tail.read();
    tail.store();
    tail.hold = true;
    tail.append("app.log", lines(10..20));
    tail.read();
    tail.store();
    tail.crash();
    tail.release();
    tail.append("app.log", lines(20..30));
    tail.settle();
    tail.assert_lines(30);
    assert_eq!(
        tail.deliveries, 40,
        "only what was not acknowledged is read again"
    );
    assert_eq!(tail.names.len(), 1);
}

#[test]
fn what_could_not_be_stored_is_read_again() {
    let mut tail = Harness::new(&["app.log"]);
    tail.hold = true;
    tail.append("app.log", lines(0..10));
    tail.read();
    tail.fail_held();
    tail.settle();
    tail.assert_lines(10);
    assert_eq!(tail.deliveries, 20);
}

#[test]
fn rotation_by_rename_loses_neither_late_lines_nor_the_first_of_the_new_file() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", lines(0..5));
    tail.read();
    tail.append("app.log", lines(5..7));
    tail.rename("app.log", "app.log.1");
    tail.append("app.log", lines(7..9));
    tail.append("app.log.1", lines(9..10));
    tail.read();
    tail.append("app.log.1", lines(10..12));
    tail.read();
    tail.settle();
    // Nobody has taken its place among the rotated: it is still followed.
    tail.append("app.log.1", lines(12..13));
    tail.settle();
    tail.assert_lines(13);
    assert_eq!(tail.tailer().totals().rotations, 1);
}

#[test]
fn two_rotations_between_two_looks_lose_nothing() {
    for glob in ["app.log", "app.log*"] {
        let mut tail = Harness::new(&[glob]);
        tail.append("app.log", lines(0..5));
        tail.read();
        tail.append("app.log", lines(5..6));
        tail.rename("app.log", "app.log.2");
        tail.append("app.log", lines(6..8));
        tail.rename("app.log", "app.log.1");
        tail.append("app.log", lines(8..9));
        tail.settle();
        tail.assert_lines(9);
    }
}

#[test]
fn rotation_while_nobody_reads_is_caught_up() {
    for pack in [Harness::gzip, Harness::zstd, |_: &Harness, _: &str| ()] {
        let mut tail = Harness::new(&["app.log"]);
        tail.append("app.log", lines(0..5));
        tail.read();
        tail.store();
        tail.crash();
        tail.append("app.log", lines(5..9));
        tail.rename("app.log", "app.log.2");
        pack(&tail, "app.log.2");
        tail.append("app.log", lines(9..12));
        tail.rename("app.log", "app.log.1");
        pack(&tail, "app.log.1");
        tail.append("app.log", lines(12..14));
        tail.settle();
        tail.assert_lines(14);
        assert_eq!(tail.tailer().totals().lost, 0);
    }
}

#[test]
fn copy_and_truncate_reads_the_rest_from_the_copy() {
    for glob in ["app.log", "app.log*"] {
        let mut tail = Harness::new(&[glob]);
        tail.append("app.log", lines(0..5));
        tail.read();
        tail.append("app.log", lines(5..9));
        tail.copy_truncate("app.log", "app.log.1");
        tail.append("app.log", lines(9..11));
        tail.settle();
        tail.assert_lines(11);
        assert_eq!(tail.names.len(), 2, "the copy is the same stream");
        assert_eq!(tail.tailer().totals().truncations, 1);
    }
}

#[test]
fn a_copy_that_is_not_truncated_yet_is_not_a_new_file() {
    let mut tail = Harness::new(&["app.log*"]);
    tail.append("app.log", lines(0..50));
    tail.read();
    fs::copy(tail.path("app.log"), tail.path("app.log.1")).unwrap();
    tail.read();
    tail.append("app.log", lines(50..52));
    tail.read();
    tail.truncate("app.log");
    tail.append("app.log", lines(52..53));
    tail.settle();
    tail.assert_lines(53);
}

#[test]
fn refilling_past_the_old_size_is_seen_as_truncation() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", lines(0..5));
    tail.read();
    tail.truncate("app.log");
    tail.append("app.log", lines(5..50));
    tail.settle();
    tail.assert_lines(50);
}

#[test]
fn a_writer_without_append_mode_leaves_a_hole_that_is_passed() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", lines(0..20_000));
    tail.read();
    let path = tail.path("app.log");
    let end = size(&path);
    tail.copy_truncate("app.log", "app.log.1");
    write_at(&path, end, &lines(20_000..20_002));
    tail.settle();
    tail.append("app.log", lines(20_002..20_003));
    tail.settle();
    tail.assert_lines(20_003);
}

#[test]
fn a_truncated_and_compressed_copy_is_found_after_a_restart() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", lines(0..100));
    tail.read();
    tail.store();
    tail.crash();
    tail.append("app.log", lines(100..120));
    tail.copy_truncate("app.log", "app.log.1");
    tail.gzip("app.log.1");
    tail.append("app.log", lines(120..130));
    tail.settle();
    tail.assert_lines(130);
}

#[test]
fn a_file_that_was_read_is_not_read_again_under_other_names() {
    let mut tail = Harness::new(&["app.log*"]);
    for round in 0..4 {
        tail.append("app.log", lines(round * 10..round * 10 + 10));
        tail.read();
        if round >= 2 {
            let old = format!("app.log.{}", round - 1);
            tail.gzip(&old);
        }
        tail.rename("app.log", &format!("app.log.{}", round + 1));
        tail.settle();
        if round == 2 {
            tail.crash();
        }
    }
    tail.assert_lines(40);
    assert_eq!(tail.deliveries, 40);
}

#[test]
fn an_archive_that_a_glob_matches_is_read_once_as_a_whole() {
    let mut tail = Harness::new(&["*"]);
    tail.append("import", lines(0..10_000));
    tail.gzip("import");
    tail.settle();
    tail.rename("import.gz", "moved.gz");
    tail.crash();
    tail.settle();
    tail.assert_lines(10_000);
    assert_eq!(tail.deliveries, 10_000);
}

#[test]
fn an_archive_that_explodes_is_stopped() {
    let mut tail = Harness::new(&["*.gz"]);
    tail.max_line = 80;
    fs::write(tail.path("bomb"), vec![b'x'; 80 << 20]).unwrap();
    tail.gzip("bomb");
    tail.settle();
    assert_eq!(tail.tailer().totals().lost, 1);
    assert!(tail.tailer().totals().read.bytes <= 75 << 20);
}

#[test]
fn a_link_that_moves_finishes_the_old_file_and_starts_the_new() {
    let mut tail = Harness::new(&["current.log"]);
    tail.append("one.log", lines(0..5));
    symlink(tail.path("one.log"), tail.path("current.log")).unwrap();
    tail.read();
    tail.append("one.log", lines(5..6));
    tail.append("two.log", lines(6..8));
    symlink(tail.path("two.log"), tail.path("next")).unwrap();
    tail.rename("next", "current.log");
    tail.append("one.log", lines(8..9));
    tail.settle();
    tail.assert_lines(9);
}

#[test]
fn a_link_that_moved_while_nobody_read_is_caught_up() {
    let mut tail = Harness::new(&["current.log"]);
    tail.append("one.log", lines(0..5));
    symlink(tail.path("one.log"), tail.path("current.log")).unwrap();
    tail.read();
    tail.store();
    tail.crash();
    tail.append("one.log", lines(5..6));
    tail.append("two.log", lines(6..8));
    tail.remove("current.log");
    symlink(tail.path("two.log"), tail.path("current.log")).unwrap();
    tail.settle();
    tail.assert_lines(8);
}

#[test]
fn a_removed_file_is_read_to_its_end_and_its_successor_from_its_start() {
    let mut tail = Harness::new(&["app.log"]);
    for round in 0..5 {
        // Small file systems give the same inode again at once.
        tail.append("app.log", lines(round * 3..round * 3 + 2));
        tail.read();
        tail.append("app.log", lines(round * 3 + 2..round * 3 + 3));
        tail.remove("app.log");
        tail.settle();
    }
    tail.assert_lines(15);
}

#[test]
fn an_inode_that_is_used_again_while_nobody_reads_is_another_stream() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", lines(0..3));
    tail.read();
    tail.store();
    tail.crash();
    tail.truncate("app.log");
    tail.append("app.log", lines(3..30));
    tail.settle();
    tail.assert_lines(30);
    assert_eq!(tail.names.len(), 2);
}

#[test]
fn a_folder_that_appears_later_is_read_from_its_start() {
    let mut tail = Harness::new(&["sub/*/app.log"]);
    tail.from_beginning = false;
    tail.read();
    fs::create_dir_all(tail.path("sub/one")).unwrap();
    tail.append("sub/one/app.log", lines(0..3));
    tail.settle();
    tail.assert_lines(3);
}

#[test]
fn a_folder_that_vanishes_and_comes_back_is_resumed() {
    let mut tail = Harness::new(&["sub/app.log"]);
    fs::create_dir(tail.path("sub")).unwrap();
    tail.append("sub/app.log", lines(0..3));
    tail.read();
    tail.store();
    tail.crash();
    tail.rename("sub", "elsewhere");
    tail.settle();
    tail.append("elsewhere/app.log", lines(3..5));
    tail.rename("elsewhere", "sub");
    tail.settle();
    tail.assert_lines(5);
    assert_eq!(tail.deliveries, 5);
}

#[test]
fn latin1_becomes_utf8_and_positions_stay_those_of_the_file() {
    let mut tail = Harness::new(&["app.log"]);
    tail.latin1 = true;
    tail.append("app.log", b"gr\xfc\xdfe\nzwei\n");
    tail.settle();
    let seen: Vec<_> = tail
        .seen
        .iter()
        .map(|((_, position), text)| (*position, text.as_str()))
        .collect();
    assert_eq!(seen, [(0, "grüße"), (6, "zwei")]);
}

#[test]
fn invalid_utf8_is_kept_and_positions_stay_exact() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", b"a\xff\xfe\nb\n");
    tail.read();
    tail.append("app.log", b"c\n");
    tail.settle();
    let positions: Vec<u64> = tail.seen.keys().map(|(_, position)| *position).collect();
    assert_eq!(positions, [0, 4, 6]);
}

#[test]
fn a_long_line_is_cut_and_a_restart_inside_of_it_does_not_show_its_rest() {
    let mut tail = Harness::new(&["app.log"]);
    tail.max_line = 80;
    tail.append("app.log", vec![b'x'; 1 << 20]);
    tail.read();
    tail.store();
    tail.crash();
    tail.append("app.log", format!("{}\nnext\n", "y".repeat(600_000)));
    tail.settle();
    assert_eq!(tail.texts(), ["next".to_owned(), "x".repeat(80)]);
}

#[test]
fn many_files_are_read_with_few_descriptors() {
    let mut tail = Harness::new(&["*.log"]);
    for file in 0..700 {
        tail.append(&format!("{file}.log"), lines(file..file + 1));
    }
    tail.read();
    tail.store();
    for file in 0..700 {
        tail.append(&format!("{file}.log"), lines(700 + file..701 + file));
    }
    tail.settle();
    tail.assert_lines(1400);
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 600, "{open} descriptors");
}

#[test]
fn finished_streams_are_forgotten_after_a_while() {
    let mut tail = Harness::new(&["app.log"]);
    tail.append("app.log", lines(0..1));
    tail.settle();
    tail.remove("app.log");
    tail.settle();
    tail.append("app.log", lines(1..2));
    tail.settle();
    tail.assert_lines(2);
}

#[test]
fn an_inode_of_a_lost_file_that_a_copy_gets_belongs_to_the_copy() {
    let mut tail = Harness::new(&["app.log*"]);
    tail.read();
    tail.append("app.log", lines(0..1));
    tail.read();
    tail.remove("app.log");
    tail.append("app.log", lines(1..2));
    tail.crash();
    tail.read();
    tail.copy_truncate("app.log", "app.log.1");
    tail.settle();
    tail.assert_lines(2);
}

#[test]
fn two_copies_between_two_looks_lose_nothing() {
    let mut tail = Harness::new(&["app.log"]);
    tail.read();
    tail.append("app.log", lines(0..100));
    tail.read();
    tail.copy_truncate("app.log", "app.log.1");
    tail.append("app.log", lines(100..200));
    tail.rename("app.log.1", "app.log.2");
    tail.copy_truncate("app.log", "app.log.1");
    tail.settle();
    tail.assert_lines(200);
}

#[test]
fn a_stream_stored_by_its_first_bytes_alone_is_not_taken_for_what_follows_a_truncation() {
    let mut tail = Harness::new(&["app.log"]);
    tail.read();
    let first = lines(0..30).into_bytes();
    tail.append("app.log", &first[..10]);
    tail.read();
    tail.append("app.log", &first[10..]);
    tail.read();
    tail.copy_truncate("app.log", "app.log-20260101");
    tail.append("app.log", lines(30..60));
    tail.crash();
    tail.settle();
    tail.assert_lines(60);
}

#[test]
fn a_file_that_is_replaced_between_its_first_look_and_its_first_read_is_told_apart() {
    let mut tail = Harness::new(&["app.log"]);
    tail.read();
    // The first generation takes several turns, in which the second one waits.
    tail.append("app.log", lines(0..90_000));
    tail.look();
    tail.rename("app.log", "app.log.1");
    tail.append("app.log", lines(90_000..90_030));
    tail.look();
    tail.copy_truncate("app.log", "app.log-20260101");
    tail.append("app.log", lines(90_030..90_090));
    tail.settle();
    tail.assert_lines(90_090);
}
