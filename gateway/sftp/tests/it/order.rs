use sftp::{Effect, Range};

const FRONT: Range = Range {
    start: 0,
    length: 10,
};
const BACK: Range = Range {
    start: 10,
    length: 10,
};

#[test]
fn requests_that_cannot_tell_run_side_by_side() {
    for (earlier, later) in [
        (Effect::Read(FRONT), Effect::Read(FRONT)),
        (Effect::Read(FRONT), Effect::Write(BACK)),
        (Effect::Write(FRONT), Effect::Read(BACK)),
        (Effect::Write(FRONT), Effect::Write(FRONT)),
        (Effect::Look, Effect::Look),
        (Effect::Look, Effect::Read(FRONT)),
        (Effect::Read(FRONT), Effect::Look),
    ] {
        assert!(earlier.admits(later), "{earlier:?} {later:?}");
    }
}

#[test]
fn requests_that_could_tell_wait_for_each_other() {
    for (earlier, later) in [
        (Effect::Read(FRONT), Effect::Write(FRONT)),
        (Effect::Write(FRONT), Effect::Read(FRONT)),
        (Effect::Write(Range::WHOLE), Effect::Read(BACK)),
        (Effect::Write(FRONT), Effect::Look),
        (Effect::Look, Effect::Write(FRONT)),
        (Effect::Alone, Effect::Alone),
        (Effect::Alone, Effect::Read(FRONT)),
        (Effect::Read(FRONT), Effect::Alone),
        (Effect::Write(FRONT), Effect::Alone),
        (Effect::Look, Effect::Alone),
    ] {
        assert!(!earlier.admits(later), "{earlier:?} {later:?}");
    }
}
