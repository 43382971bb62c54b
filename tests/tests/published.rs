//! Resources that the policy publishes: read through the worker, as the user that the
//! policy says, never beyond what is published; and nobody learns more than he may list.

use harness::web::modern;
use harness::{ALICE, Alone, BASE, BOB, Client, RUNNER, Site, User, Web, eventually, python};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::{Duration, Instant};

/// What tells one request from the next, in errors too.
const REQUEST: &str = "io.mini-mcp/request-id";

const SOON: Duration = Duration::from_secs(10);

/// Resources for Alice, one for Bob, and one that is read as somebody else.
fn policy() -> String {
    format!(
        "{BASE}\n\
         [profile.reader]\nrun_as = \"{runner}\"\nstrength = \"isolated\"\n\
         [resource.motd]\ntitle = \"News\"\ndescription = \"What is new\"\npath = \"@site@/data/motd\"\n\
         mime_type = \"text/markdown\"\nallow = [\"alice\"]\n\
         [resource.notes]\ndescription = \"Notes\"\npath = \"@site@/data/notes\"\nkind = \"directory\"\n\
         size_max = \"64K\"\nallow = [\"alice\"]\n\
         [resource.bobs]\ndescription = \"Bob's\"\npath = \"@site@/data/bobs\"\nallow = [\"ops\"]\n\
         [resource.runners]\ndescription = \"The runner's\"\npath = \"@site@/data/runners\"\nkind = \"directory\"\n\
         profile = \"reader\"\nallow = [\"alice\"]\n",
        runner = RUNNER.name,
    )
}

/// An installation with something in every resource.
fn site() -> Site {
    filled(Site::with(&policy()).prepare())
}

fn filled(site: Site) -> Site {
    for folder in [
        "data/notes",
        "data/notes/sub dir",
        "data/notes/closed",
        "data/runners",
    ] {
        fs::create_dir(site.path(folder)).expect("the directory is ours");
    }
    for folder in ["data", "data/notes", "data/notes/sub dir"] {
        mode(&site, folder, 0o755);
    }
    site.file("data/motd", "# News\n\nnone\n");
    site.file("data/bobs", "for Bob\n");
    site.file("data/secret", "beside what is published\n");
    site.file("data/notes/one.txt", "one\n");
    site.file("data/notes/sub dir/zwei ä.txt", "zwei\n");
    site.file("data/notes/closed/x", "x\n");
    mode(&site, "data/notes/closed", 0o700);
    site.file("data/notes/roots", "root's\n");
    mode(&site, "data/notes/roots", 0o600);
    let runners = site.file("data/runners/own", "only the runner reads this\n");
    for path in [runners, site.path("data/runners")] {
        chown(path, Some(RUNNER.uid()), Some(RUNNER.gid())).expect("root may");
    }
    mode(&site, "data/runners/own", 0o600);
    mode(&site, "data/runners", 0o700);
    site
}

fn mode(site: &Site, path: &str, mode: u32) {
    fs::set_permissions(site.path(path), Permissions::from_mode(mode)).expect("it is ours");
}

fn started() -> Site {
    let mut site = site();
    site.start_worker();
    site.start_supervisor();
    site
}

fn read(client: &Client, uri: &str) -> Value {
    let answer = client.request("resources/read", &json!({ "uri": uri }));
    answer.expect("an answer")
}

/// The text of what must be one content.
#[track_caller]
fn text(answer: &Value) -> &str {
    let contents = answer["result"]["contents"].as_array();
    let contents = contents.unwrap_or_else(|| panic!("no contents: {answer}"));
    assert_eq!(contents.len(), 1, "{answer}");
    contents[0]["text"].as_str().expect("text")
}

fn uris<'a>(answer: &'a Value, list: &str, key: &str) -> Vec<&'a str> {
    let all = answer["result"][list].as_array();
    let all = all.unwrap_or_else(|| panic!("no list: {answer}"));
    all.iter()
        .map(|one| one[key].as_str().expect("text"))
        .collect()
}

/// Everybody sees what is his, in the same order every time, with how long it is good.
#[test]
fn each_principal_is_shown_his_own() {
    let site = started();
    let alice = Client::attach(&site, ALICE);
    let bob = Client::attach(&site, BOB);
    let list = |client: &Client, method: &str| client.request(method, &json!({})).expect("it");
    let listed = list(&alice, "resources/list");
    assert_eq!(
        uris(&listed, "resources", "uri"),
        [
            "mini-mcp://policy",
            "mini-mcp://resource/motd",
            "mini-mcp://resource/notes",
            "mini-mcp://resource/runners",
        ]
    );
    assert_eq!(listed["result"]["cacheScope"], "private");
    assert_eq!(listed["result"]["ttlMs"], 60_000);
    let motd = &listed["result"]["resources"][1];
    assert_eq!(motd["title"], "News");
    assert_eq!(motd["description"], "What is new");
    assert_eq!(motd["mimeType"], "text/markdown");
    assert_eq!(
        listed["result"]["resources"][2]["mimeType"],
        "inode/directory"
    );
    let templates = list(&alice, "resources/templates/list");
    assert_eq!(
        uris(&templates, "resourceTemplates", "uriTemplate"),
        [
            "mini-mcp://resource/notes/{+path}",
            "mini-mcp://resource/runners/{+path}",
            "mini-mcp://run/{run}",
            "mini-mcp://run/{run}/{stream}{?from,length,encoding}",
        ]
    );
    assert_eq!(
        uris(&list(&bob, "resources/list"), "resources", "uri"),
        ["mini-mcp://policy", "mini-mcp://resource/bobs"]
    );
    let beyond = alice
        .request("resources/list", &json!({"cursor": "2"}))
        .expect("an answer");
    assert_eq!(beyond["error"]["code"], -32602);
    let after = json!({"cursor": "after:mini-mcp://resource/motd"});
    let rest = alice.request("resources/list", &after).expect("an answer");
    assert_eq!(uris(&rest, "resources", "uri").len(), 2);
}

/// Files and directories are read and listed, and each read stands in the trail as a
/// call, with who made it and what it was.
#[test]
fn what_is_published_is_read_and_recorded() {
    let site = started();
    let alice = Client::attach(&site, ALICE);
    let motd = read(&alice, "mini-mcp://resource/motd");
    assert_eq!(text(&motd), "# News\n\nnone\n");
    assert_eq!(motd["result"]["contents"][0]["mimeType"], "text/markdown");
    assert_eq!(motd["result"]["cacheScope"], "private");
    assert_eq!(motd["result"]["ttlMs"], 0);
    assert_eq!(
        text(&read(&alice, "mini-mcp://resource/notes/one.txt")),
        "one\n"
    );
    let deep = "mini-mcp://resource/notes/sub%20dir/zwei%20%C3%A4.txt";
    assert_eq!(text(&read(&alice, deep)), "zwei\n");
    for uri in ["mini-mcp://resource/notes", "mini-mcp://resource/notes/"] {
        let list = read(&alice, uri);
        assert_eq!(text(&list), "closed/\none.txt\nroots\nsub dir/\n");
        assert_eq!(list["result"]["contents"][0]["mimeType"], "inode/directory");
    }
    for uri in [
        "mini-mcp://resource/notes/sub%20dir/",
        "mini-mcp://resource/notes/sub%20dir",
    ] {
        assert_eq!(text(&read(&alice, uri)), "zwei ä.txt\n", "{uri}");
    }
    let start = site.audited("the read is recorded", |line| {
        line.is("start", "resource/motd")
    });
    assert_eq!(start.field("uid"), ALICE.uid());
    assert_eq!(start.text("rule"), "resource.motd.allow");
    let start = site.audited("the list is recorded", |line| {
        line.is("start", "resource/notes/") && line.field("arguments")["path"] == "sub dir/"
    });
    assert!(
        start.text("directory").ends_with("/data/notes/sub dir"),
        "{start:?}"
    );
}

/// The profile says whom it is read as: a file that Alice could not open is read as its
/// owner, in a root of its own, and nothing else of it is.
#[test]
fn a_profile_says_whom_it_is_read_as() {
    let site = started();
    let alice = Client::attach(&site, ALICE);
    let own = read(&alice, "mini-mcp://resource/runners/own");
    assert_eq!(text(&own), "only the runner reads this\n");
    assert_eq!(text(&read(&alice, "mini-mcp://resource/runners/")), "own\n");
}

/// Whatever may not be read looks like what does not exist, whatever the reason; and
/// nothing is read that lies beside what is published.
#[test]
fn nothing_else_is_read() {
    let site = started();
    let notes = site.path("data/notes");
    symlink("../secret", notes.join("out")).expect("the directory is ours");
    symlink(site.path("data/secret"), notes.join("absolute")).expect("it is ours");
    symlink("../..", notes.join("up")).expect("it is ours");
    symlink("one.txt", notes.join("inside")).expect("it is ours");
    mkfifo(&notes.join("fifo"), Mode::from_bits_truncate(0o666)).expect("it is ours");
    nix::sys::stat::mknod(
        &notes.join("null"),
        nix::sys::stat::SFlag::S_IFCHR,
        Mode::from_bits_truncate(0o666),
        nix::sys::stat::makedev(1, 3),
    )
    .expect("root may");
    let alice = Client::attach(&site, ALICE);
    let absent = read(&alice, "mini-mcp://resource/notes/absent");
    assert_eq!(absent["error"]["code"], -32002, "{absent}");
    for name in [
        "out",
        "absolute",
        "up",
        "up/",
        "up/secret",
        "fifo",
        "null",
        "roots",
        "closed",
        "closed/",
        "closed/x",
        "one.txt/",
        "one.txt/x",
    ] {
        let uri = format!("mini-mcp://resource/notes/{name}");
        let begin = Instant::now();
        let answer = read(&alice, &uri);
        assert!(begin.elapsed() < SOON, "{name} is not waited for");
        let mut expected = absent["error"].clone();
        expected["data"]["uri"] = json!(uri);
        expected["data"][REQUEST] = answer["error"]["data"][REQUEST].clone();
        assert_eq!(answer["error"], expected, "{name}");
    }
    assert_eq!(
        text(&read(&alice, "mini-mcp://resource/notes/inside")),
        "one\n"
    );
    for name in [
        "..",
        "../secret",
        "sub%20dir/../../secret",
        "%2e%2e/secret",
        "%2E%2E%2Fsecret",
    ] {
        let answer = read(&alice, &format!("mini-mcp://resource/notes/{name}"));
        assert_eq!(
            answer["error"]["data"]["code"], "path_invalid",
            "{name}: {answer}"
        );
        assert_eq!(answer["error"]["code"], -32602, "{name}");
    }
    // In a root of its own as well, where the way to it is closed.
    fs::create_dir(site.path("data/runners/closed")).expect("it is ours");
    site.file("data/runners/closed/x", "x\n");
    mode(&site, "data/runners/closed", 0o700);
    for name in ["closed/x", "closed/", "closed", "closed/absent"] {
        let answer = read(&alice, &format!("mini-mcp://resource/runners/{name}"));
        assert_eq!(answer["error"]["code"], -32002, "{name}: {answer}");
        assert_eq!(
            answer["error"]["data"]["reason"],
            absent["error"]["data"]["reason"]
        );
    }
    let outside = read(&alice, "mini-mcp://resource/notes//etc/passwd");
    assert_eq!(
        outside["error"]["data"]["code"], "path_outside",
        "{outside}"
    );
    for uri in [
        "mini-mcp://resource/notes/a%0Ab",
        "mini-mcp://resource/notes/%",
        "mini-mcp://resource/notes/one.txt?offset=x",
        "mini-mcp://resource/notes/one.txt?x=1",
    ] {
        assert_eq!(read(&alice, uri)["error"]["code"], -32602, "{uri}");
    }
}

/// What is another's, what does not exist, and what is no directory look alike; a denial
/// is recorded. What reads resources is no tool.
#[test]
fn what_is_anothers_does_not_exist() {
    let site = started();
    let alice = Client::attach(&site, ALICE);
    let (bobs, none) = (
        read(&alice, "mini-mcp://resource/bobs"),
        read(&alice, "mini-mcp://resource/none"),
    );
    assert_eq!(bobs["error"]["code"], -32002);
    let same = |answer: &Value, name: &str| {
        let mut error = answer["error"].clone();
        error["data"][REQUEST] = Value::Null;
        error.to_string().replace(name, "NAME")
    };
    assert_eq!(same(&bobs, "bobs"), same(&none, "none"));
    site.audited("the denial is recorded", |line| {
        line.is("deny", "resource/bobs")
    });
    assert_eq!(
        read(&alice, "mini-mcp://resource/motd/x")["error"]["code"],
        -32002
    );
    assert_eq!(
        text(&read(
            &Client::attach(&site, BOB),
            "mini-mcp://resource/bobs"
        )),
        "for Bob\n"
    );
    for name in ["resource/motd", "resource/notes/", "resource/bobs"] {
        let called = alice.call(name, &json!({}));
        assert_eq!(called.0["error"]["code"], -32602, "{}", called.0);
    }
}

/// A large file comes in bounded pages, each of which says in words where the next is;
/// together they are the file.
#[test]
fn a_large_file_comes_in_pages() {
    let site = started();
    let line = "ä line of text\n";
    let large = line.repeat(10 * 1024 * 1024 / line.len());
    site.file("data/notes/large", &large);
    let alice = Client::attach(&site, ALICE);
    let first = read(&alice, "mini-mcp://resource/notes/large");
    let contents = first["result"]["contents"].as_array().expect("contents");
    assert_eq!(contents.len(), 2, "{:?}", contents.last());
    let kept = contents[0]["text"].as_str().expect("text");
    assert!(large.starts_with(kept));
    assert!((65_530..=65_536).contains(&kept.len()), "{}", kept.len());
    let words = contents[1]["text"].as_str().expect("words");
    let next = format!("mini-mcp://resource/notes/large?offset={}", kept.len());
    assert!(
        words.contains("larger file") && words.contains(&next),
        "{words}"
    );
    assert_eq!(contents[1]["uri"], json!(next));
    let second = read(&alice, &next);
    let more = second["result"]["contents"][0]["text"]
        .as_str()
        .expect("text");
    assert!(large[kept.len()..].starts_with(more));
    let end = format!("mini-mcp://resource/notes/large?offset={}", large.len() - 7);
    assert_eq!(text(&read(&alice, &end)), &large[large.len() - 7..]);
    let beyond = format!("mini-mcp://resource/notes/large?offset={}", large.len() * 2);
    assert_eq!(text(&read(&alice, &beyond)), "");
}

/// A file that grows while it is read ends for the reader; its next page has the rest.
#[test]
fn a_file_that_grows_ends() {
    let site = started();
    let log = site.file("data/notes/log", "begin\n");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let alice = Client::attach(&site, ALICE);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let mut file = fs::File::options()
                .append(true)
                .open(&log)
                .expect("it is ours");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(&[b'x'; 4096]).expect("it is ours");
            }
        });
        for _ in 0..5 {
            let begin = Instant::now();
            let answer = read(&alice, "mini-mcp://resource/notes/log");
            let first = &answer["result"]["contents"][0]["text"];
            assert!(
                first
                    .as_str()
                    .is_some_and(|text| text.starts_with("begin\n")),
                "{first}"
            );
            assert!(begin.elapsed() < SOON);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// Bytes that are no text come as base64, exactly; escapes in a text are made visible.
#[test]
fn bytes_are_base64_and_escapes_are_harmless() {
    let site = started();
    let bytes: Vec<u8> = (0..=255).collect();
    fs::write(site.path("data/notes/bytes"), bytes).expect("the directory is ours");
    site.file("data/notes/escape", "\u{1b}[31mred\n");
    let alice = Client::attach(&site, ALICE);
    let answer = read(&alice, "mini-mcp://resource/notes/bytes");
    let content = &answer["result"]["contents"][0];
    assert_eq!(content["mimeType"], "application/octet-stream");
    let blob = content["blob"].as_str().expect("a blob");
    assert!(
        blob.starts_with("AAECAwQFBgcI") && blob.ends_with("+/w=="),
        "{blob}"
    );
    assert_eq!(blob.len(), 344);
    assert_eq!(
        text(&read(&alice, "mini-mcp://resource/notes/escape")),
        "␛[31mred\n"
    );
}

fn complete(client: &Client, uri: &str, value: &str) -> Value {
    let request = json!({
        "ref": {"type": "ref/resource", "uri": uri},
        "argument": {"name": "path", "value": value},
    });
    client
        .request("completion/complete", &request)
        .expect("an answer")
}

/// Paths are completed by what the caller may list, and by nothing else.
#[test]
fn paths_are_completed() {
    let site = started();
    for number in 0..150 {
        site.file(&format!("data/notes/sub dir/n{number:03}"), "");
    }
    let alice = Client::attach(&site, ALICE);
    let template = "mini-mcp://resource/notes/{+path}";
    let values = |value: &str| complete(&alice, template, value)["result"]["completion"].clone();
    let all = json!(["closed/", "one.txt", "roots", "sub dir/"]);
    assert_eq!(
        values(""),
        json!({"values": all, "total": 4, "hasMore": false})
    );
    assert_eq!(values("o")["values"], json!(["one.txt"]));
    let many = values("sub dir/n");
    assert_eq!(many["values"].as_array().map(Vec::len), Some(100));
    assert_eq!(many["values"][0], "sub dir/n000");
    assert_eq!(
        (&many["total"], &many["hasMore"]),
        (&json!(150), &json!(true))
    );
    for closed in [
        "closed/",
        "absent/",
        "../",
        "../../etc/",
        "/etc/",
        "one.txt/",
    ] {
        assert_eq!(values(closed)["values"], json!([]), "{closed}");
    }
    let bobs = complete(&alice, "mini-mcp://resource/bobs/{+path}", "");
    assert_eq!(bobs["error"]["code"], -32602, "{bobs}");
    let file = complete(&alice, "mini-mcp://resource/motd/{+path}", "");
    assert_eq!(file["error"]["code"], -32602, "{file}");
}

/// A directory with more names than one read gives ends with words, and is completed
/// without a number that nobody knows.
#[test]
fn a_long_list_is_bounded() {
    let site = started();
    for number in 0..4000 {
        let name = format!("data/notes/sub dir/a name of some length {number:04}");
        fs::write(site.path(&name), "").expect("the directory is ours");
    }
    let alice = Client::attach(&site, ALICE);
    let answer = read(&alice, "mini-mcp://resource/notes/sub%20dir/");
    let list = text(&answer);
    assert!(list.len() < 66_000, "{}", list.len());
    assert!(list.ends_with("[… more entries left out: the list is too long …]\n"));
    let last = list.lines().rev().nth(1).expect("a name");
    assert_eq!(
        last.len(),
        "a name of some length 0000".len(),
        "no half of a name"
    );
    let template = "mini-mcp://resource/notes/{+path}";
    let answer = complete(&alice, template, "sub dir/");
    let completed = &answer["result"]["completion"];
    assert_eq!(completed["hasMore"], json!(true));
    assert_eq!(completed["total"], Value::Null);
}

/// A limit of a resource holds for reads, and says when the next may come.
#[test]
fn reads_are_limited() {
    let limited = policy().replace("mime_type =", "rate = \"2/h\"\nmime_type =");
    let mut site = filled(Site::with(&limited).prepare());
    site.start_worker();
    site.start_supervisor();
    let alice = Client::attach(&site, ALICE);
    for _ in 0..2 {
        assert_eq!(
            text(&read(&alice, "mini-mcp://resource/motd")),
            "# News\n\nnone\n"
        );
    }
    let refused = read(&alice, "mini-mcp://resource/motd")["error"].clone();
    assert_eq!(refused["code"], -32000, "{refused}");
    assert_eq!(refused["data"]["code"], "rate_limited");
    assert_eq!(refused["data"]["rule"], "resource.motd.rate");
    assert_eq!(
        text(&read(&alice, "mini-mcp://resource/notes/one.txt")),
        "one\n"
    );
}

/// Who has a key reads on the network what is read as a fixed user; and nobody's
/// accounts complete what he writes.
#[test]
fn a_key_reads_as_the_user_of_the_profile() {
    let more = "[principal.ci]\napi_key = \"ci\"\n\
                [prompt.who]\ndescription = \"Who\"\ntext = \"{who}\"\nallow = [\"ci\"]\n\
                args = { who = { type = \"user\" } }\n";
    let policy = policy().replace(
        "profile = \"reader\"\nallow = [",
        "profile = \"reader\"\nallow = [\"ci\", ",
    );
    let site = Site::with(&(policy + more)).serving(&["--http", "127.0.0.1:0"]);
    let mut site = filled(site.prepare());
    site.start_worker();
    site.start_supervisor();
    let key = site.new_key("ci");
    let mut web = Web::network(site.http());
    let mut ask = |method: &str, parameters: Value| {
        let uri = parameters["uri"].as_str().map(str::to_owned);
        let (message, mut headers) = modern(method, parameters);
        headers.extend(uri.map(|uri| ("Mcp-Name", uri)));
        headers.push(harness::web::bearer(&key));
        web.post(&message, &headers).message()
    };
    let listed = ask("resources/list", json!({}));
    let mine = ["mini-mcp://policy", "mini-mcp://resource/runners"];
    assert_eq!(uris(&listed, "resources", "uri"), mine);
    let own = ask(
        "resources/read",
        json!({"uri": "mini-mcp://resource/runners/own"}),
    );
    assert_eq!(text(&own), "only the runner reads this\n");
    let start = site.audited("it is recorded", |line| {
        line.is("start", "resource/runners")
    });
    assert_eq!(start.text("key"), "ci", "{start:?}");
    let words = json!({
        "ref": {"type": "ref/prompt", "name": "who"},
        "argument": {"name": "who", "value": ""},
    });
    let completed = ask("completion/complete", words);
    assert_eq!(
        completed["result"]["completion"]["values"],
        json!([]),
        "{completed}"
    );
}

/// The stateless era, over HTTP on the Unix socket: the same content, and the code that
/// it has for what does not exist.
#[test]
fn both_eras_read_over_http() {
    let site = started();
    let ask = |user: User, uri: &str| {
        let mut web = Web::socket(&site, user);
        let (message, mut headers) = modern("resources/read", json!({ "uri": uri }));
        headers.push(("Mcp-Name", uri.to_owned()));
        web.post(&message, &headers).message()
    };
    let one = ask(ALICE, "mini-mcp://resource/notes/one.txt");
    assert_eq!(text(&one), "one\n");
    assert_eq!(one["result"]["cacheScope"], "private");
    let absent = ask(ALICE, "mini-mcp://resource/notes/absent");
    assert_eq!(absent["error"]["code"], -32602, "{absent}");
    assert_eq!(
        ask(BOB, "mini-mcp://resource/notes/one.txt")["error"]["code"],
        -32602
    );
    assert_eq!(text(&ask(BOB, "mini-mcp://resource/bobs")), "for Bob\n");
}

/// The official client, through the bridge and on the socket, in both eras.
#[test]
fn the_official_client_reads_and_completes() {
    let more = "[prompt.look]\ndescription = \"Look\"\ntext = \"Look at {what}.\"\nallow = [\"alice\"]\n\
                args = { what = { type = \"enum\", values = [\"disks\", \"logs\"] } }\n";
    let mut site = filled(Site::with(&(policy() + more)).prepare());
    site.start_worker();
    site.start_supervisor();
    let bridge = json!([
        site.program("mini-mcp"),
        "connect",
        "--socket",
        site.front()
    ]);
    let links = [
        format!("command:{bridge}"),
        format!("socket:{}", site.front().display()),
    ];
    let uris = json!([
        "mini-mcp://resource/motd",
        "mini-mcp://resource/notes/",
        "mini-mcp://resource/notes/absent",
    ]);
    let completions = json!([
        ["look", "what", "d"],
        ["mini-mcp://resource/notes/{+path}", "path", "sub dir/"],
    ]);
    for link in links {
        for (era, absent) in [("legacy", -32002), ("2026-07-28", -32602)] {
            let words = [
                link.as_str(),
                era,
                &uris.to_string(),
                &json!(["look", {"what": "logs"}]).to_string(),
                &completions.to_string(),
            ];
            let report = python::run("published.py", ALICE, &words);
            let list = "closed/\none.txt\nroots\nsub dir/\n";
            assert_eq!(
                report["contents"],
                json!([["# News\n\nnone\n"], [list], absent]),
                "{link} {era}"
            );
            assert_eq!(report["prompt"], "Look at logs.");
            assert_eq!(
                report["prompts"][0]["arguments"][0]["required"],
                json!(true)
            );
            assert_eq!(
                report["completions"],
                json!([["disks"], ["sub dir/zwei ä.txt"]])
            );
            assert_eq!(report["templates"].as_array().map(Vec::len), Some(4));
            assert_eq!(report["resources"].as_array().map(Vec::len), Some(4));
        }
    }
}

/// A model is told what it can read and what a denial means, when a session begins and
/// by the discovery of the stateless era.
#[test]
fn instructions_come_in_both_eras() {
    let site = started();
    let client = Client::attach_silent(&site, ALICE);
    let began = client.initialize();
    let mut web = Web::socket(&site, ALICE);
    let (message, headers) = modern("server/discover", json!({}));
    let discovered = web.post(&message, &headers).message();
    for answer in [began, discovered] {
        let told = answer["result"]["instructions"].as_str();
        let told = told.unwrap_or_else(|| panic!("no instructions: {answer}"));
        for word in [
            "mini-mcp://policy",
            "mini-mcp://resource/NAME",
            "denied [code]",
            "Prompts",
        ] {
            assert!(told.contains(word), "{word}: {told}");
        }
        let offered = &answer["result"]["capabilities"];
        assert_eq!(
            offered["resources"]["listChanged"],
            json!(true),
            "{offered}"
        );
        assert_eq!(offered["prompts"]["listChanged"], json!(true));
        assert!(offered["completions"].is_object(), "{offered}");
    }
}

/// For a single user: what is in the workspace, read with his own rights.
#[test]
fn a_single_user_reads_his_workspace() {
    let policy = "version = 1\n[resource.work]\ndescription = \"Work\"\npath = \"${workspace}\"\n\
                  kind = \"directory\"\nallow = [\"self\"]\n";
    let alone = Alone::with(policy, "auto");
    let folder = alone.path("workspace");
    fs::write(folder.join("plan"), "work\n").expect("the directory is ours");
    fs::write(folder.join("closed"), "no\n").expect("the directory is ours");
    fs::set_permissions(folder.join("closed"), Permissions::from_mode(0o600)).expect("ours");
    symlink("/etc/hostname", folder.join("out")).expect("the directory is ours");
    let client = alone.client();
    assert_eq!(
        text(&read(client, "mini-mcp://resource/work/plan")),
        "work\n"
    );
    assert_eq!(
        text(&read(client, "mini-mcp://resource/work/")),
        "closed\nout\nplan\n"
    );
    for name in ["closed", "out", "absent"] {
        let answer = read(client, &format!("mini-mcp://resource/work/{name}"));
        assert_eq!(answer["error"]["code"], -32002, "{name}: {answer}");
    }
}

/// A new policy: whoever has a session is told that the lists have changed, and reads
/// under the new one.
#[test]
fn a_reload_is_announced() {
    let site = started();
    let alice = Client::attach(&site, ALICE);
    assert_eq!(
        text(&read(&alice, "mini-mcp://resource/motd")),
        "# News\n\nnone\n"
    );
    let next = policy().replace("[resource.motd]", "[resource.news]");
    let next = site.file("policy.next", &next.replace("@site@", &site.text()));
    fs::rename(next, site.policy()).expect("the directory is ours");
    let pid = nix::unistd::Pid::from_raw(site.supervisor().id());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).expect("it lives");
    for list in ["tools", "resources", "prompts"] {
        let method = format!("notifications/{list}/list_changed");
        eventually("the client is told", SOON, || {
            let told = |message: &Value| message["method"] == method;
            alice.unclaimed().iter().any(told).then_some(())
        });
    }
    assert_eq!(
        text(&read(&alice, "mini-mcp://resource/news")),
        "# News\n\nnone\n"
    );
    assert_eq!(
        read(&alice, "mini-mcp://resource/motd")["error"]["code"],
        -32002
    );
}
