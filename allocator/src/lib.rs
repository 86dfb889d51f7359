//! How the programs let glibc allocate memory.
//!
//! To hash or check one password takes argon2id 19 MiB. When the first of these is freed, glibc takes it for a usual size
//! and from then on keeps what is freed of it, once in the arena of every thread that ever had one. There are up to eight
//! arenas for each processor (`mallopt(3)`, `M_ARENA_MAX` and `M_MMAP_THRESHOLD`): on a machine of 64 that is ten GiB.

/// What is larger goes back to the system when it is freed. The buffers of transfers are smaller: they are kept, for new
/// memory costs more than what is done with it.
const LARGE_BYTES: i32 = 4 * 1024 * 1024;
/// What may be free at the end of an arena. As glibc has it, twice what is large.
const FREE_BYTES_MAX: i32 = 2 * LARGE_BYTES;

/// From now on large pieces of memory go back to the system when they are freed. Call it first, while there is one thread.
/// Where the C library is not glibc, it does nothing.
pub fn return_large() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        (libc::M_MMAP_THRESHOLD, LARGE_BYTES),
        (libc::M_TRIM_THRESHOLD, FREE_BYTES_MAX),
    ] {
        #[expect(unsafe_code, reason = "no crate wraps mallopt")]
        // SAFETY: it takes two numbers, and no other thread allocates meanwhile.
        let _is_set = unsafe { libc::mallopt(parameter, value) };
    }
}
