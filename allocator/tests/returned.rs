//! What threads have freed goes back to the system.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{hint::black_box, sync::Barrier, thread};

/// As much as one password takes.
const PIECE: usize = 19 * 1024 * 1024;
const THREADS: usize = 16;

#[test]
fn large_pieces_go_back_to_the_system_whichever_thread_had_them() {
    allocator::return_large();
    let before = resident_bytes();

    // All of them live until the last is done, as the threads of a pool do.
    let barrier = Barrier::new(THREADS + 1);
    let after = thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..4 {
                    let piece = black_box(vec![1_u8; PIECE]);
                    drop(piece);
                }
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let after = resident_bytes();
        barrier.wait();
        after
    });

    let grown = after.saturating_sub(before);
    assert!(grown < PIECE, "{grown} bytes are kept");
}

fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
