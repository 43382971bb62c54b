//! TLS on the network, spoken by the service itself, to real clients.

use harness::{ALICE, Certificate, Process, Site, eventually, python, unique};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const POLICY: &str = r#"
version = 1
[principal.ci]
api_key = "ci"
[profile.plain]
run_as = "mmtest-run"
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
timeout = "60s"
working_directory = "/usr"
[tool.true]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["ci"]
[tool.sleep]
description = "Sleeps"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["ci"]
[tool.sleep.args]
time = { type = "string", pattern = "[0-9.]+", max_length = 40 }
"#;

fn site(certificate: &Certificate, address: &str) -> Site {
    let options = certificate.options(address);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Site::with(POLICY).serving(&options).start()
}

fn url(site: &Site) -> String {
    format!("https://localhost:{}/mcp", site.http().port())
}

/// curl(1), calling a tool with `key`; it trusts what is in `ca`.
fn curl(site: &Site, ca: &Path, key: &str, tool: &str, arguments: &Value) -> Command {
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": tool, "arguments": arguments, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "curl", "version": "8"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }},
    });
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--cacert"]);
    command.arg(ca).arg(url(site));
    for header in [
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        "MCP-Protocol-Version: 2026-07-28",
        "Mcp-Method: tools/call",
        &format!("Mcp-Name: {tool}"),
        &format!("Authorization: Bearer {key}"),
    ] {
        command.args(["-H", header]);
    }
    command.args(["--data", &message.to_string()]);
    command.stdin(Stdio::null());
    command
}

fn call(site: &Site, ca: &Path, key: &str) -> Output {
    let mut curl = curl(site, ca, key, "true", &json!({}));
    curl.output().expect("curl starts")
}

/// What curl exits with when it does not trust the certificate.
const DISTRUST: Option<i32> = Some(60);

/// Beyond this host, since no key crosses the network in the clear.
#[test]
fn a_client_that_trusts_the_certificate_is_served() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    let site = site(&certificate, "0.0.0.0:0");
    let key = site.new_key("ci");
    let served = call(&site, &certificate.file(), &key);
    let text = String::from_utf8_lossy(&served.stdout);
    assert!(text.contains("\"exit_code\":0"), "{served:?}");
    assert_eq!(call(&site, &other.file(), &key).status.code(), DISTRUST);

    let mut clear = Command::new("curl");
    let address = format!("http://localhost:{}/mcp", site.http().port());
    let clear = clear
        .args(["--silent", &address])
        .output()
        .expect("it starts");
    assert!(!clear.status.success(), "{clear:?}");
    let mut old = curl(&site, &certificate.file(), &key, "true", &json!({}));
    let old = old.args(["--tls-max", "1.2"]).output().expect("it starts");
    assert!(!old.status.success(), "{old:?}");
    assert_eq!(
        call(&site, &certificate.file(), &key).status.code(),
        Some(0)
    );
}

/// The official client, in each of its eras.
#[test]
fn the_official_client_is_served() {
    let certificate = Certificate::new();
    let site = site(&certificate, "127.0.0.1:0");
    let key = site.new_key("ci");
    let options = json!({"url": url(&site), "key": key, "ca": certificate.file()});
    let calls = json!([["true", {}]]).to_string();
    for era in ["legacy", "auto", "2026-07-28"] {
        let link = format!("http:{options}");
        let report = python::run("tour.py", ALICE, &[&link, era, &calls]);
        let result = &report["results"][0]["structured"];
        assert_eq!(result["exit_code"], 0, "{era}: {report}");
    }
}

/// A renewed certificate counts from the next connection on; one that cannot be used
/// changes nothing.
#[test]
fn a_renewed_certificate_is_taken_up() {
    let certificate = Certificate::new();
    let site = site(&certificate, "127.0.0.1:0");
    let key = site.new_key("ci");
    let ca = site.path("former.crt");
    fs::copy(certificate.file(), &ca).expect("it is there");
    certificate.renew();
    assert!(call(&site, &ca, &key).status.success());
    site.supervisor().hang_up();
    eventually("the new one is used", Duration::from_secs(20), || {
        let served = call(&site, &certificate.file(), &key);
        served.status.success().then_some(())
    });
    assert_eq!(call(&site, &ca, &key).status.code(), DISTRUST);

    fs::write(certificate.key(), "nonsense").expect("it is ours");
    site.supervisor().hang_up();
    eventually("the refusal is told", Duration::from_secs(20), || {
        let log = site.log_text("supervisor");
        let kept = log.contains("the former certificate stays in use");
        (kept && log.contains("code=\"certificate_kept\"")).then_some(())
    });
    assert!(call(&site, &certificate.file(), &key).status.success());
}

/// Started with files that it must not use, the service says what is wrong.
#[test]
fn unfit_files_are_refused() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    let site = Site::with(POLICY).start();
    let refused = |certificate: &Certificate, what: &str| {
        let mut command = site.supervisor_command();
        command.args(certificate.options("127.0.0.1:0"));
        let output = command.output().expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(what), "{error}");
        assert!(error.contains("\nhint: "), "{error}");
    };
    let mode = |mode| {
        let mode = Permissions::from_mode(mode);
        fs::set_permissions(certificate.key(), mode).expect("it is ours");
    };
    mode(0o644);
    refused(&certificate, "every user of this host may read it");
    mode(0o600);
    refused(&certificate, "cannot read");
    mode(0o640);
    fs::copy(other.file(), certificate.file()).expect("it is ours");
    refused(&certificate, "cannot use the certificate");
    fs::write(certificate.file(), "nonsense").expect("it is ours");
    refused(&certificate, "cannot find a certificate");
    let mut command = site.supervisor_command();
    command.args(["--http", "127.0.0.1:0", "--tls-certificate", "/x"]);
    let output = command.output().expect("it starts");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Whoever connects and says nothing is disconnected, and keeps nobody from being served.
#[test]
fn a_handshake_that_never_comes_is_given_up() {
    let certificate = Certificate::new();
    let site = site(&certificate, "127.0.0.1:0");
    let key = site.new_key("ci");
    let begin = Instant::now();
    let mut silent = TcpStream::connect(site.http()).expect("it listens");
    assert!(call(&site, &certificate.file(), &key).status.success());
    let patience = Some(Duration::from_secs(60));
    silent.set_read_timeout(patience).expect("a socket");
    let read = silent.read(&mut [0]);
    assert!(matches!(read, Ok(0)), "{read:?}");
    assert!(begin.elapsed() >= Duration::from_secs(9));
}

/// The end of the connection is seen through TLS as well.
#[test]
fn a_client_that_is_killed_leaves_nothing_running() {
    let certificate = Certificate::new();
    let site = site(&certificate, "127.0.0.1:0");
    let key = site.new_key("ci");
    let seconds = unique();
    let arguments = json!({"time": seconds});
    let mut curl = curl(&site, &certificate.file(), &key, "sleep", &arguments);
    let mut curl = curl.stdout(Stdio::null()).spawn().expect("it starts");
    let sleeping = || {
        let found = Process::mentioning(&seconds).into_iter();
        found
            .filter(|one| {
                one.arguments()
                    .first()
                    .is_some_and(|word| word.ends_with("sleep"))
            })
            .count()
    };
    eventually("it runs", Duration::from_secs(20), || {
        (sleeping() == 1).then_some(())
    });
    curl.kill().expect("it runs");
    curl.wait().expect("it was killed");
    eventually("it ends", Duration::from_secs(5), || {
        (sleeping() == 0).then_some(())
    });
}
