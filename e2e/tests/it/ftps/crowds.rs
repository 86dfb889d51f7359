//! Many clients share few data ports.

use anyhow::Result;
use e2e::{
    clients::ftp::ftplib::run_ftplib,
    door::Start,
    gateway::Gateway,
    setup::{Ftps, Setup},
};

/// A hundred sessions log in, and then all of them transfer at once.
const CROWD: &str = r#"
CLIENTS = 100
gate = threading.Barrier(CLIENTS)

def work(numbered):
    number, client = numbered
    content = os.urandom(1 << 16) + b"%d" % number
    gate.wait(TIMEOUT)
    client.write("file-%d" % number, content)
    assert client.read("file-%d" % number) == content, number
    client.quit()

crowd(work, enumerate([Plain() for _ in range(CLIENTS)]))
"#;

#[test]
fn a_hundred_clients_share_eight_ports() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps {
        passive_ports: 8,
        wait_seconds: 120,
        ..Ftps::default()
    }))?;

    for door in [gateway.door(Start::Explicit), gateway.door(Start::Implicit)] {
        run_ftplib(&door, CROWD, &[])?.success()?;
    }

    let files = std::fs::read_dir(gateway.on_volume(""))?.count();
    assert_eq!(files, 100);
    Ok(())
}
