//! A real browser without a window, driven by WebDriver (W3C): Chromium and its driver.

use crate::scratch;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// One window. Dropping it closes the browser.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// Starts a browser of its own.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn start() -> Browser {
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let hint = "hint: apt-get install chromium chromium-driver";
        let mut driver = command
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver: {error}\n{hint}"));
        let lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("successfully on port ")?;
            rest.trim_end_matches('.').parse().ok()
        });
        let mut browser = Browser {
            driver,
            port: port.expect("chromedriver names its port"),
            session: String::new(),
            profile: scratch(),
        };
        browser.session = browser.open();
        browser
    }

    fn open(&self) -> String {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let options = [
            "--headless",
            // The tests run as root, on a machine for them alone.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--window-size=1280,1600",
            &profile,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": options},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = self.ask("POST", "/session", &wanted);
        answer["sessionId"].as_str().expect("a session").to_owned()
    }

    /// Opens a file and waits until it is loaded.
    pub fn visit(&self, file: &Path) {
        let url = format!("file://{}", file.display());
        self.command("/url", &json!({ "url": url }));
    }

    /// Lets the window look like that of a device of this size, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": true,
        });
        let command = "Emulation.setDeviceMetricsOverride";
        self.command(
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": metrics}),
        );
    }

    /// What a piece of script returns.
    #[must_use]
    pub fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Clicks on the first element that `selector` selects, as a user would.
    ///
    /// # Panics
    /// When there is none, or something is in the way.
    pub fn click(&self, selector: &str) {
        let found = self.command(
            "/element",
            &json!({"using": "css selector", "value": selector}),
        );
        let id = found.as_object().and_then(|found| found.values().next());
        let id = id.and_then(Value::as_str).expect("an element");
        self.command(&format!("/element/{id}/click"), &json!({}));
    }

    /// What the page has complained of since this was asked last.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", &json!({"type": "browser"}));
        let lines = log.as_array().into_iter().flatten();
        lines.map(|line| line["message"].to_string()).collect()
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("the driver listens");
        let patience = Some(Duration::from_secs(120));
        socket
            .set_read_timeout(patience)
            .expect("a socket has a timeout");
        let body = body.to_string();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        );
        socket
            .write_all(request.as_bytes())
            .expect("the driver reads");
        let mut answers = BufReader::new(socket);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answers.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim_end().split_once(':') else {
                if line == "\r\n" {
                    break;
                }
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; length];
        answers.read_exact(&mut answer).expect("a body");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        // Its browser ends with it.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
