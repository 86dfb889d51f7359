//! The table of `binding.rs`, as people read it.

use std::fmt::Write as _;

use gateway_config::Binding;

use crate::ftps::passive::binding::{Proof, Refusal, Standing, Verdict, judge};

const TABLE: &str = "
data connection        TLSRequired   TLSPreferred  Address        None
Resumed from Same      wins          wins          wins           wins
Resumed from Unknown   wins          wins          HiddenAddress  wins
Resumed from Other     wins          wins          OtherAddress   wins
Full from Same         NotResumed    yields        wins           wins
Full from Unknown      NotResumed    if alone      HiddenAddress  wins
Full from Other        NotResumed    OtherAddress  OtherAddress   wins
Clear from Same        NotEncrypted  wins          wins           wins
Clear from Unknown     NotEncrypted  NotEncrypted  HiddenAddress  wins
Clear from Other       NotEncrypted  OtherAddress  OtherAddress   wins
Mute from Same         NotEncrypted  wins          wins           if alone
Mute from Unknown      NotEncrypted  NotEncrypted  HiddenAddress  if alone
Mute from Other        NotEncrypted  OtherAddress  OtherAddress   if alone
";

#[test]
fn the_table_decides() {
    let mut table =
        "\ndata connection        TLSRequired   TLSPreferred  Address        None\n".to_owned();
    for proof in [Proof::Resumed, Proof::Full, Proof::Clear, Proof::Mute] {
        for standing in [Standing::Same, Standing::Unknown, Standing::Other] {
            let verdict = |binding| describe(judge(binding, proof, standing));
            writeln!(
                table,
                "{:<22} {:<13} {:<13} {:<14} {}",
                format!("{proof:?} from {standing:?}"),
                verdict(Binding::TlsRequired),
                verdict(Binding::TlsPreferred),
                verdict(Binding::Address),
                verdict(Binding::None),
            )
            .unwrap();
        }
    }

    assert_eq!(table, TABLE);
}

fn describe(verdict: Verdict) -> String {
    match verdict {
        Verdict::Wins => "wins".to_owned(),
        Verdict::Yields => "yields".to_owned(),
        Verdict::Alone => "if alone".to_owned(),
        Verdict::Refused(refusal) => format!("{refusal:?}"),
    }
}

#[test]
fn reasons_fit_in_a_reply() {
    for refusal in [
        Refusal::NotResumed,
        Refusal::NotEncrypted,
        Refusal::OtherAddress,
        Refusal::HiddenAddress,
        Refusal::NotAlone,
    ] {
        let text = refusal.text();

        assert!(
            text.len() < 256 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{text}"
        );
    }
}
