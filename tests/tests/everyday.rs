//! Everyday programs still do what people expect of them, in both strengths: a
//! sandbox that breaks programs gets switched off. The cases are in
//! `tests/everyday/programs.txt`; each must pass outside the sandbox as well.

use harness::everyday::{Case, Desk, cases};
use harness::{RUNNER, Starter};

/// Runs the case outside, and under each shipped profile however it is started.
fn everyday(name: &str) {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("programs.txt has no case `{name}`"));
    let desk = Desk::new(RUNNER, case);
    let mut failed: Vec<String> = desk.outside().into_iter().collect();
    assert!(failed.is_empty(), "outside the sandbox {}", failed.concat());
    for starter in Starter::ALL {
        for profile in ["default", "isolated"] {
            let failure = desk.inside(starter, profile);
            failed.extend(failure.map(|told| format!("{profile}, started by {starter:?}: {told}")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.concat());
}

macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test] fn $name() { everyday(stringify!($name)); })*

        #[test]
        fn every_case_is_a_test() {
            let names: Vec<String> = cases().into_iter().map(|Case { name, .. }| name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

programs! {
    git_commit
    git_worktree
    git_clone
    git_hook_and_patch
    python_pairs_of_sockets
    python_tcp
    python_asyncio
    python_asyncio_streams
    python_multiprocessing
    python_managers
    python_shared_memory
    python_subprocess
    python_threads
    python_pseudo_terminal
    python_signals
    python_files
    python_packages
    node_basics
    node_child_processes
    node_workers
    node_server
    gcc_program
    gcc_threads
    make_parallel
    cargo_build
    perl_text
    perl_processes
    bash_pipelines
    bash_process_substitution
    bash_jobs_and_traps
    devices
    sort_with_temporary_files
    tar_and_gzip
    compressors
    find_and_xargs
    ripgrep
    grep
    awk
    sed
    curl_to_a_granted_port
    sqlite3
    openssl
    man
    less
    ps_and_pgrep
    df_and_du
    journalctl
    systemctl
    date_and_time_zones
    locale
    getent_and_id
    mktemp
    flock
    timeout
    nice_and_scheduling
    script_pseudo_terminal
    job_control_on_a_terminal
    exit_codes
    core_limits
    file_tools
    text_tools
    checksums
    diff_and_patch
    system_information
    terminals
}
