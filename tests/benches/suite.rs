//! The benchmark suite, which docs/performance.md tells how to read. Needs root, as the
//! tests do: `cargo bench -p mini-mcp-tests --bench suite`.

#![forbid(unsafe_code)]

use anyhow::{Result, ensure};
use harness::bench::bare::without_detour;
use harness::bench::plan::Plan;
use harness::bench::report::Report;
use harness::bench::stages::{Bar, Stage, bars, draw};
use harness::bench::{measure, table};
use harness::comparison::Page;
use harness::target_directory;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<()> {
    without_detour()?;
    let plan = Plan::from_words(std::env::args().skip(1))?;
    // Before hours are spent.
    let former = plan.against.as_deref().map(Report::read).transpose()?;
    if plan.show.is_none() && !plan.built {
        build_binaries()?;
    }
    if plan.stages {
        return stages(&plan);
    }
    let report = match &plan.show {
        Some(path) => Report::read(path)?,
        None => measured(&plan)?,
    };
    println!("{}", table::page(&report));
    if let Some(former) = former {
        println!("{}", table::compared(&report, &former));
    }
    if plan.bless {
        bless(&report);
    }
    if plan.bless && plan.show.is_none() {
        stages(&plan)?;
    }
    Ok(())
}

/// A new result, which is kept.
fn measured(plan: &Plan) -> Result<Report> {
    let report = measure(plan);
    let path = output(plan)?;
    report.write(&path)?;
    eprintln!("Kept in {}", path.display());
    Ok(report)
}

/// The made part of docs/performance.md.
fn bless(report: &Report) {
    let mut page = Page::of("performance.md");
    page.set("table", &table::page(report));
    page.write();
}

/// The picture, and its numbers.
fn stages(plan: &Plan) -> Result<()> {
    let bars = bars(plan.rounds(2))?;
    for bar in &bars {
        print_bar(bar);
    }
    let path = if plan.bless {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/launch.svg")
    } else {
        output(plan)?.with_file_name("launch.svg")
    };
    fs::write(&path, draw(&bars))?;
    println!("Drawn in {}", path.display());
    Ok(())
}

fn print_bar(bar: &Bar) {
    println!("{}: {:.0} µs", bar.name, bar.total());
    for (stage, time) in Stage::ALL.into_iter().zip(bar.times) {
        if time >= 0.05 {
            println!("  {:40}{time:>8.1}", stage.name());
        }
    }
}

fn output(plan: &Plan) -> Result<PathBuf> {
    if let Some(path) = &plan.output {
        return Ok(path.clone());
    }
    let folder = target_directory().join("../bench");
    fs::create_dir_all(&folder)?;
    Ok(folder.canonicalize()?.join("suite.json"))
}

/// The binaries of the profile that this benchmark was built with.
fn build_binaries() -> Result<()> {
    let target = target_directory();
    ensure!(
        target.ends_with("release"),
        "cannot build for measuring in this profile\n\
         hint: run `cargo bench -p mini-mcp-tests --bench suite`, or say --built"
    );
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--quiet"]);
    cargo.args(["-p", "mini-mcp", "-p", "mini-mcp-worker"]);
    let folder = target.parent().expect("a target directory");
    cargo.arg("--target-dir").arg(folder);
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    ensure!(status.success(), "cannot build the binaries");
    Ok(())
}
