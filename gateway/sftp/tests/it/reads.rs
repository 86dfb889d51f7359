use proptest::prelude::*;
use sftp::{Read, Reads};

#[test]
fn a_prefetch_of_a_gibibyte_is_one_run() {
    let read = |number: u32| Read {
        id: (u32::MAX - 5).wrapping_add(number),
        offset: u64::from(number) * 32_768,
        length: 32_768,
    };
    let mut run = Reads::new(read(0));

    assert!((1..32_768).all(|number| run.extend(read(number))));
}

#[test]
fn a_read_elsewhere_is_another_run() {
    let read = Read {
        id: 1,
        offset: 0,
        length: 10,
    };
    let next = Read {
        id: 2,
        offset: 10,
        length: 10,
    };

    assert!(Reads::new(read).extend(next));
    for other in [
        Read { id: 3, ..next },
        Read { offset: 11, ..next },
        Read { length: 9, ..next },
    ] {
        assert!(!Reads::new(read).extend(other));
    }
}

#[test]
fn a_run_at_the_end_of_all_offsets_ends() {
    let read = Read {
        id: 1,
        offset: u64::MAX - 1,
        length: 10,
    };

    assert!(!Reads::new(read).extend(Read { id: 2, ..read }));
    assert_eq!(Reads::new(read).rest(), None);
}

proptest! {
    #[test]
    fn a_run_gives_back_what_it_took(id in any::<u32>(), offset in any::<u64>(), length in any::<u32>(), count in 1_u32..50) {
        let mut sent = vec![Read { id, offset, length }];
        let mut run = Reads::new(sent[0]);
        for number in 1..count {
            let read = Read {
                id: id.wrapping_add(number),
                offset: offset.wrapping_add(u64::from(length) * u64::from(number)),
                length,
            };
            if run.extend(read) {
                sent.push(read);
            }
        }

        let mut left = Some(run);
        let mut given = Vec::new();
        while let Some(run) = left {
            given.push(run.first());
            left = run.rest();
        }

        prop_assert_eq!(given, sent);
    }
}
