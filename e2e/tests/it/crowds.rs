//! Many clients, and clients that want too much.

use anyhow::{Result, ensure};
use e2e::{
    clients::openssh::{run_sftp, sftp},
    figures,
    files::{self, MIB},
    gateway::Gateway,
    idle::Idle,
    memory::Memory,
    program::Program,
    raw::{Kind, Raw, string},
    relay::Relay,
    setup::Setup,
    wait::until,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn fifty_clients_carry_files_at_once() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let desk = gateway.desk()?;
    let local = desk.join("local");
    files::make(&local, 4 * MIB)?;

    let clients = (0..50)
        .map(|number| {
            let back = desk.join(format!("back-{number}"));
            let batch = format!(
                "put {} file-{number}\nget file-{number} {}\n",
                local.display(),
                back.display()
            );
            Program::start(&mut sftp(gateway.place()), batch.as_bytes())
        })
        .collect::<Result<Vec<_>>>()?;
    for client in clients {
        client.end()?.success()?;
    }

    for number in 0..50 {
        files::ensure_same(&gateway.on_volume(format!("file-{number}")), &local)?;
        files::ensure_same(&desk.join(format!("back-{number}")), &local)?;
    }
    Ok(())
}

/// How many sessions do nothing.
const IDLE: usize = 1000;

#[test]
fn a_thousand_sessions_may_do_nothing() -> Result<()> {
    let open_files = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: open_files.maximum,
            ..open_files
        },
    )?;
    let gateway = Gateway::start(Setup::default())?;
    // What the first session needs once is not the price of a session.
    drop(Idle::open(gateway.place(), 1)?);
    let before = gateway.memory()?;

    let idle = Idle::open(gateway.place(), IDLE)?;

    assert_eq!(idle.alive(), IDLE);
    let after = gateway.memory()?;
    let each = after.proportional.saturating_sub(before.proportional) / u64::try_from(IDLE)?;
    figures::tell(
        "memory of an idle session",
        &format!("{each} KiB PSS, {IDLE} sessions: {after}"),
    )?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    Ok(())
}

/// A session may hold 8 MiB; a gateway that keeps every answer would take 250 MiB.
const BOUND_KIB: u64 = 64 * 1024;

#[test]
fn a_client_that_never_reads_costs_bounded_memory() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    files::make(&gateway.on_volume("much.bin"), 256 * MIB)?;
    let relay = Relay::to(gateway.place().address)?;
    let mut client = Raw::open(&gateway.place().through(relay.address())?)?;
    let mut open = string(b"/much.bin")?;
    open.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    client.request(Kind::Open, 0, &open)?;
    let handle = until("a handle", || {
        Ok(client
            .answers()?
            .into_iter()
            .find(|answer| answer.kind == 102))
    })?;

    relay.stop_listening();
    for id in 1..=1000_u32 {
        let mut read = handle.rest.clone();
        read.extend((u64::from(id) * 256 * 1024).to_be_bytes());
        read.extend((256_u32 * 1024).to_be_bytes());
        client.request(Kind::Read, id, &read)?;
    }

    let memory = settled(&gateway)?;
    figures::tell(
        "memory for 1,000 requests whose answers nobody reads",
        &memory.to_string(),
    )?;
    ensure!(memory.peak < BOUND_KIB, "{memory}");
    run_sftp(gateway.place(), "ls\n")?.success()?;
    Ok(())
}

/// The memory once it has not grown for a while of looking.
fn settled(gateway: &Gateway) -> Result<Memory> {
    let mut last = gateway.memory()?;
    let mut same = 0;
    until("memory that does not grow", || {
        let now = gateway.memory()?;
        same = if now.peak == last.peak { same + 1 } else { 0 };
        last = now;
        Ok((same == 100).then_some(now))
    })
}
