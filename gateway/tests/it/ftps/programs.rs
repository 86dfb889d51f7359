//! Programs that people use.

use std::process::{Output, Stdio};

use gateway_config::Encryption;
use tokio::{process::Command, time::timeout};

use super::fixture::{Gateway, PASSWORD, PATIENCE, unchanged};

async fn run(mut command: Command) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = timeout(
        PATIENCE,
        command.stdin(Stdio::null()).kill_on_drop(true).output(),
    )
    .await
    .expect("the program hangs")
    .expect("the program is not installed");
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn curl(gateway: &Gateway, arguments: &[&str]) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--max-time", "50", "--ssl-reqd"])
        .arg("--cacert")
        .arg(gateway.authority())
        .arg("--user")
        .arg(format!("alice:{PASSWORD}"))
        .args(arguments);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_goes_up_and_down_and_on() {
    let gateway = Gateway::start(unchanged).await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_be_bytes()[3]).collect();
    let local = gateway.beside("local");
    let local = local.to_str().unwrap();
    std::fs::write(local, &content).unwrap();
    let (explicit, implicit) = (gateway.explicit.port(), gateway.implicit.port());
    for url in [
        format!("ftp://localhost:{explicit}"),
        format!("ftps://localhost:{implicit}"),
    ] {
        for version in [["--tls-max", "1.2"], ["--tlsv1.3", "--tls-max"]] {
            let version: &[&str] = if version[0] == "--tlsv1.3" {
                &["--tlsv1.3"]
            } else {
                &version
            };
            let file = format!("{url}/folder/file");
            let up = ["--ftp-create-dirs", "--upload-file", local, &file];
            let (code, said) = run(curl(&gateway, &[version, &up].concat())).await;
            assert_eq!(code, Some(0), "{version:?} {said}");
            assert!(gateway.read("folder/file") == content, "{version:?}");

            let back = gateway.beside("back");
            std::fs::write(&back, &content[..1000]).unwrap();
            let down = ["-C", "1000", "-o", back.to_str().unwrap(), &file, &file];
            let (code, said) = run(curl(&gateway, &[version, &down[..5]].concat())).await;
            assert_eq!(code, Some(0), "{version:?} {said}");
            assert!(std::fs::read(&back).unwrap() == content, "{version:?}");

            let folder = format!("{url}/folder/");
            let (code, said) = run(curl(&gateway, &[version, &[&folder]].concat())).await;
            assert_eq!(code, Some(0), "{version:?} {said}");
            assert!(said.contains(" file"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lftp_mirrors_a_tree_there_and_back() {
    let gateway = Gateway::start(unchanged).await;
    let tree = gateway.beside("tree");
    std::fs::create_dir_all(tree.join("a/b")).unwrap();
    for number in 0_u32..20 {
        let content = number.to_be_bytes().repeat(50_000);
        std::fs::write(tree.join(format!("a/b/file {number}")), content).unwrap();
    }
    for url in [
        format!("ftp://localhost:{}", gateway.explicit.port()),
        format!("ftps://localhost:{}", gateway.implicit.port()),
    ] {
        let back = gateway.beside("back");
        let script = format!(
            "set ssl:ca-file {}; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; \
             set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; \
             open -u alice,'{PASSWORD}' {url}; mirror -R {} up; mirror up {}; \
             mv up/a/b/'file 1' up/a/b/renamed; rm -r up",
            gateway.authority().display(),
            tree.display(),
            back.display(),
        );
        let mut lftp = Command::new("lftp");
        lftp.arg("--norc").arg("-c").arg(script);

        let (code, said) = run(lftp).await;

        assert_eq!(code, Some(0), "{said}");
        for number in 0..20 {
            let name = format!("a/b/file {number}");
            let (sent, got) = (tree.join(&name), back.join(&name));
            assert!(std::fs::read(sent).unwrap() == std::fs::read(got).unwrap());
        }
        std::fs::remove_dir_all(back).unwrap();
    }
}

const PYTHON: &str = r"
import ftplib, io, ssl, sys
port, authority, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=authority)
ftp = ftplib.FTP_TLS(context=context, timeout=30)
ftp.connect('localhost', port)
ftp.login('alice', password)
ftp.prot_p()
content = bytes(range(256)) * 4096
for turn in range(3):
    ftp.storbinary('STOR file', io.BytesIO(content))
    got = bytearray()
    ftp.retrbinary('RETR file', got.extend)
    assert bytes(got) == content
    assert 'file' in ftp.nlst()
    assert [name for name, facts in ftp.mlsd() if name == 'file'] == ['file']
ftp.rename('file', 'other')
ftp.voidcmd('TYPE I')
assert ftp.size('other') == len(content)
ftp.delete('other')
ftp.mkd('folder')
ftp.cwd('folder')
assert ftp.pwd() == '/folder'
ftp.quit()
";

#[tokio::test(flavor = "multi_thread")]
async fn python_does_what_its_library_can() {
    let gateway = Gateway::start(unchanged).await;
    let mut python = Command::new("python3");
    python
        .arg("-c")
        .arg(PYTHON)
        .arg(gateway.explicit.port().to_string())
        .arg(gateway.authority())
        .arg(PASSWORD);

    let (code, said) = run(python).await;

    assert_eq!(code, Some(0), "{said}");
}

/// Neither speaks TLS, and both leave it to the server to find the files.
#[tokio::test(flavor = "multi_thread")]
async fn ncftp_and_tnftp_get_what_a_pattern_stands_for() {
    let gateway = Gateway::start(|configuration| {
        let listener = &mut configuration.endpoint.listeners[0];
        listener.tls.as_mut().unwrap().encryption = Encryption::Optional;
    })
    .await;
    std::fs::create_dir(gateway.volume().join("sub")).unwrap();
    for name in ["sub/a.csv", "sub/b.csv", "sub/c.txt"] {
        gateway.write(name, name.as_bytes());
    }
    let port = gateway.explicit.port().to_string();
    let script = gateway.beside("script");
    let lines = format!("user alice \"{PASSWORD}\"\ncd sub\nmget *.csv\nquit\n");
    std::fs::write(&script, lines).unwrap();
    let mut tnftp = Command::new("sh");
    tnftp
        .args(["-c", "tnftp -n -i localhost $1 < $2", "tnftp", &port])
        .arg(&script);
    let mut ncftp = Command::new("ncftpget");
    ncftp
        .args(["-u", "alice", "-p", PASSWORD, "-P", &port, "-r", "1", "-V"])
        .args(["localhost", ".", "sub/*.csv"]);

    for (name, mut program) in [("tnftp", tnftp), ("ncftp", ncftp)] {
        let here = gateway.beside(name);
        std::fs::create_dir(&here).unwrap();
        program.current_dir(&here).env("HOME", &here);

        let (_code, said) = run(program).await;

        for file in ["a.csv", "b.csv"] {
            let got = std::fs::read(here.join(file));
            let got = got.unwrap_or_else(|error| panic!("{name}: no {file}: {error}: {said}"));
            assert_eq!(got, format!("sub/{file}").as_bytes());
        }
        assert!(!here.join("c.txt").exists());
    }
}
