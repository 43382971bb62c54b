//! A command line becomes a text of the policy, and the policy's grant runs exactly
//! what was typed.

mod support;

use policy::{Arguments, Decision, Grant, Policy, SHIPPED, SHIPPED_NAME, Setting, Source, Trial};
use proptest::prelude::*;
use std::path::Path;
use support::{Host, alice, single};

const NAME: &str = "the-trial";

fn trial(words: &[&str]) -> Trial {
    let mut command = vec!["/usr/bin/true".to_owned()];
    command.extend(words.iter().map(|word| (*word).to_owned()));
    Trial {
        profile: "default".to_owned(),
        command,
        caller: 1000,
        ..Trial::default()
    }
}

fn policy(trial: &Trial, setting: &Setting) -> Result<Policy, String> {
    let text = trial
        .text(NAME, setting)
        .map_err(|error| error.to_string())?;
    let sources = [
        Source::new(SHIPPED_NAME, SHIPPED),
        Source::new("command line", &text),
    ];
    Policy::parse_files(&sources, setting, &Host).map_err(|mistakes| mistakes.to_string())
}

fn grant(trial: &Trial, setting: &Setting) -> Result<Grant, String> {
    match policy(trial, setting)?.decide(&alice(), NAME, &Arguments::new()) {
        Decision::Allow(grant) => Ok(grant),
        Decision::Ask(ask) => Err(ask.denial().reason),
        Decision::Confirm(held) => Err(held.denial().reason),
        Decision::Deny(denial) => Err(denial.reason),
    }
}

#[test]
fn what_is_typed_is_what_runs() {
    let words = [
        "",
        " ",
        "-",
        "a b",
        "\"",
        "\\",
        "\\\\u0041",
        "'''",
        "\"\"\"",
        "{",
        "}}",
        "{name}",
        "{{}}",
        "$(id)",
        "${HOME}",
        "#",
        "]",
        "\n",
        "\t\r",
        "\u{1b}[2J",
        "\u{7f}",
        "\u{85}",
        "ä 日本 \u{1f600}",
        "\u{202e}",
        "${{caller.name}}",
    ];
    let trial = trial(&words);
    for setting in [Setting::System, single()] {
        let grant = grant(&trial, &setting).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(grant.argv(), trial.command);
        assert_eq!(grant.profile().name, NAME);
    }
}

proptest! {
    #[test]
    fn any_words_run_as_typed(words in prop::collection::vec("[^\0]{0,20}", 0..6)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let trial = trial(&words);
        if !words.iter().any(|word| word.contains("${caller.")) {
            let grant = grant(&trial, &Setting::System).expect("a grant");
            prop_assert_eq!(grant.argv(), trial.command);
        }
    }

    #[test]
    fn paths_are_granted_as_typed_or_refused(path in "/[^\0]{0,30}") {
        let mut trial = trial(&[]);
        trial.read.push(path.clone());
        let control = path.chars().any(char::is_control);
        match grant(&trial, &Setting::System) {
            Ok(grant) => {
                prop_assert!(!control);
                let added = grant.profile().read.last().map(|rule| rule.path.clone());
                prop_assert_eq!(added.as_deref(), Some(Path::new(&path)).map(|path| path.components().as_path()));
            }
            Err(error) => prop_assert!(control || path.contains("..") || path.contains("${"), "{error}"),
        }
    }
}

#[test]
fn what_would_stand_for_the_caller_cannot_be_said() {
    let refused = grant(&trial(&["x${caller.name}"]), &Setting::System).unwrap_err();
    assert!(refused.contains("stands for the caller"), "{refused}");
}

#[test]
fn terms_are_added_to_those_of_the_profile() {
    let mut trial = trial(&[]);
    trial.read.push("-/srv/a".to_owned());
    trial.write.push("/srv/b".to_owned());
    trial.execute.push("/srv/c".to_owned());
    trial.connect.push("tcp:443".to_owned());
    trial
        .environment
        .push(("HOME".to_owned(), "/srv \"b\"".to_owned()));
    trial.keys.push(("timeout", "3s".to_owned()));
    trial.keys.push(("strength", "isolated".to_owned()));
    let grant = grant(&trial, &single()).expect("a grant");
    let profile = grant.profile();
    let has = |rules: &[policy::PathRule], path: &str| {
        rules.iter().any(|rule| rule.path == Path::new(path))
    };
    assert!(has(&profile.read, "/srv/a") && has(&profile.read, "/usr"));
    assert!(has(&profile.write, "/srv/b") && has(&profile.execute, "/srv/c"));
    assert_eq!(profile.timeout.as_secs(), 3);
    assert_eq!(profile.isolation.strength, policy::Strength::Isolated);
    let home = ("HOME".to_owned(), "/srv \"b\"".to_owned());
    assert!(profile.environment.contains(&home));
}

#[test]
fn mistakes_are_told_like_any_others() {
    for (change, part) in [
        (("timeout", "soon"), "`timeout`"),
        (("network", "some"), "`network` cannot be `some`"),
        (("working_directory", "here"), "working_directory"),
        (("run_as", "nobody else"), "run_as"),
    ] {
        let mut trial = trial(&[]);
        trial.keys.push((change.0, change.1.to_owned()));
        let refused = grant(&trial, &Setting::System).unwrap_err();
        assert!(refused.contains("command line:"), "{refused}");
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn only_whom_it_is_for_may_run_it() {
    let policy = policy(&trial(&[]), &Setting::System).expect("a policy");
    let bob = policy::Caller::user(1001, 1001, vec![1001]);
    let decision = policy.decide(&bob, NAME, &Arguments::new());
    assert!(matches!(decision, Decision::Deny(denial) if denial.code == "not_allowed"));
}
