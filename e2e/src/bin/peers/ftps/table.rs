//! The table of the FTPS contest, in Markdown.

use std::fmt::Write;

use super::{
    CIPHER,
    contestant::{Contestant, Name, Round},
};
use crate::{contest::Plan, table::Spread};

/// What secureftp may spend at most, as a share of what a peer spends on the same GiB.
const fn target(name: Name) -> Option<f64> {
    match name {
        Name::PureFtpd => Some(0.8),
        Name::Vsftpd => Some(0.5),
        Name::ProFtpd | Name::Secureftp => None,
    }
}

/// A server a row, and the ratios of medians of secureftp to it, down and up, with the target.
pub(super) fn render(plan: Plan, who: &[Contestant; 4], results: &[Vec<Round>; 4]) -> String {
    let [.., ours] = who;
    let [.., our] = results;
    let mut table = format!(
        "FTPS by curl, {} rounds in turns, {} GiB each way, {CIPHER}, files in memory.\n\
         CPU time of the server from {}. Medians, least and most in brackets; transfers without their login.\n\n\
         | | download, CPU-s/GiB | upload, CPU-s/GiB | login and list, CPU-ms | ratio down | ratio up | at most |\n\
         |---|---|---|---|---|---|---|\n",
        plan.rounds,
        plan.gib,
        ours.account.method(),
    );
    let spread = |rounds: &[Round], of: fn(&Round) -> f64| {
        Spread::of(&rounds.iter().map(of).collect::<Vec<f64>>())
    };
    let down = |rounds| spread(rounds, |round| round.download);
    let up = |rounds| spread(rounds, |round| round.upload);
    for (contestant, rounds) in who.iter().zip(results) {
        let (download, upload) = (down(rounds), up(rounds));
        let ratios = if contestant.name == Name::Secureftp {
            " | | |".to_owned()
        } else {
            let most = target(contestant.name).map_or_else(String::new, |most| most.to_string());
            format!(
                " {:.2} | {:.2} | {most} |",
                down(our).median / download.median,
                up(our).median / upload.median
            )
        };
        // Writing to a String cannot fail.
        writeln!(
            table,
            "| {} | {download} | {upload} | {} |{ratios}",
            contestant.name.text(),
            spread(rounds, |round| round.login),
        )
        .ok();
    }
    table
}
