//! Which Secrets a turn has to read.

use plan::{SecretKey, referenced_secrets};

use crate::manifests::Manifests;

const MANIFESTS: &str = "
apiVersion: secureftp.dev/v1alpha1
kind: SecureFtpEndpoint
metadata: { name: partners, namespace: b2b }
spec:
  listeners:
  - { name: sftp, protocol: SFTP, port: 22 }
  - { name: ftps, protocol: FTPSExplicit, port: 21, tls: { secretRef: { name: partners-tls } } }
  - name: implicit
    protocol: FTPSImplicit
    port: 990
    tls: { issuerRef: { kind: Issuer, name: ca }, dnsNames: [ftp.example.com] }
  dataConnections: { passive: { ports: { start: 30000, end: 30047 }, perReplica: 16 } }
  ssh: { hostKeys: { secretRef: { name: keys-of-the-host } } }
  storage: { persistentVolumeClaim: { claimName: partners-data } }
  users: { selector: { matchLabels: { endpoint: partners } } }
---
apiVersion: secureftp.dev/v1alpha1
kind: SecureFtpUser
metadata: { name: supplier, namespace: b2b, labels: { endpoint: partners } }
spec:
  authentication:
    passwordSecretRef: { name: passwords, key: supplier }
    authorizedKeys: { secretRef: { name: supplier-ssh } }
---
apiVersion: secureftp.dev/v1alpha1
kind: SecureFtpUser
metadata: { name: shut-out, namespace: b2b, labels: { endpoint: partners } }
spec: { disabled: true, authentication: { passwordSecretRef: { name: of-the-shut-out } } }
---
apiVersion: secureftp.dev/v1alpha1
kind: SecureFtpUser
metadata: { name: stranger, namespace: b2b, labels: { endpoint: others } }
spec: { authentication: { passwordSecretRef: { name: of-the-stranger } } }
";

#[test]
fn a_turn_needs_the_secrets_of_its_endpoint_and_of_the_users_it_serves() {
    let manifests = Manifests::parse(MANIFESTS);

    let needed = referenced_secrets(&manifests.endpoint, &manifests.users);

    let whole = ["keys-of-the-host", "partners-implicit-tls", "partners-tls"];
    assert_eq!(needed.whole, whole.map(str::to_owned).into());
    assert_eq!(needed.passwords, [entry("passwords", "supplier")].into());
    assert_eq!(
        needed.authorized_keys,
        [entry("supplier-ssh", "authorized_keys")].into()
    );
    assert_eq!(
        needed.names(),
        [
            "keys-of-the-host",
            "partners-implicit-tls",
            "partners-tls",
            "passwords",
            "supplier-ssh"
        ]
        .into()
    );
}

#[test]
fn host_keys_that_the_operator_made_are_read_by_name_where_sftp_is_spoken() {
    let mut manifests = Manifests::parse(MANIFESTS);
    let needed = |manifests: &Manifests| referenced_secrets(&manifests.endpoint, &[]).whole;

    manifests.endpoint.spec.ssh.host_keys = None;
    assert!(needed(&manifests).contains("partners-host-keys"));

    manifests.endpoint.spec.listeners.remove(0);
    assert!(!needed(&manifests).contains("partners-host-keys"));
}

fn entry(secret: &str, key: &str) -> SecretKey {
    SecretKey {
        namespace: "b2b".to_owned(),
        secret: secret.to_owned(),
        key: key.to_owned(),
    }
}
