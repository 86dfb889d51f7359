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
failed = []

def work(number, client):
    content = os.urandom(1 << 16) + b"%d" % number
    try:
        gate.wait(TIMEOUT)
        client.write("file-%d" % number, content)
        assert client.read("file-%d" % number) == content
        client.quit()
    except Exception as error:
        failed.append(f"{number}: {error!r}")

clients = [Plain() for _ in range(CLIENTS)]
threads = [threading.Thread(target=work, args=one) for one in enumerate(clients)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failed, failed
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
