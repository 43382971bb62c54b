//! `environment = { … }`: what a command finds in its environment. It is built
//! here from nothing; nothing is inherited.

use super::fields::Fields;
use super::{Located, lint};
use std::collections::BTreeMap;

/// Always there, unless the profile says otherwise.
const BASE: [(&str, &str); 5] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LC_ALL", "C.UTF-8"),
    ("PAGER", "cat"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TERM", "dumb"),
];

/// Harmless in spite of [`DANGEROUS`].
const FINE: [&str; 2] = ["GIT_PAGER", "GIT_TERMINAL_PROMPT"];

/// Variables that make programs load or run code, or read other files than the
/// ones they are told to: dynamic linkers, libc, shells, interpreters, git,
/// pagers. A final `*` stands for anything.
const DANGEROUS: [&str; 67] = [
    // ld.so(8) and libc
    "LD_*",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "MALLOC_*",
    "NIS_PATH",
    "NLSPATH",
    "PATH_LOCALE",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "TZDIR",
    // curses and Kerberos, as in sudo
    "KRB5_CONFIG",
    "KRB5_KTNAME",
    "TERMCAP",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TERMPATH",
    // shells
    "BASHOPTS",
    "BASH_ENV",
    "BASH_FUNC_*",
    "BASH_LOADABLES_PATH",
    "CDPATH",
    "ENV",
    "FPATH",
    "GLOBIGNORE",
    "IFS",
    "NULLCMD",
    "PROMPT_COMMAND",
    "PS4",
    "READNULLCMD",
    "SHELLOPTS",
    "TMPPREFIX",
    "ZDOTDIR",
    // interpreters
    "AWKLIBPATH",
    "AWKPATH",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LUA_*",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PERL5*",
    "PERLLIB",
    "PERLIO_DEBUG",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PYTHON*",
    "RUBYLIB",
    "RUBYOPT",
    "_JAVA_OPTIONS",
    // programs that load modules or start others
    "COMPILER_PATH",
    "EXINIT",
    "GCC_EXEC_PREFIX",
    "GIT_*",
    "LESSCLOSE",
    "LESSOPEN",
    "MAKEFLAGS",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "RIPGREP_CONFIG_PATH",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "VIMINIT",
];

/// Variables by name.
pub(super) type Variables = BTreeMap<String, String>;

/// The variables that `profile` itself sets.
pub(super) fn variables(profile: &Fields<'_, '_>) -> Variables {
    let mut variables = Variables::new();
    let dangerous = profile.boolean("dangerous_environment");
    let dangerous = dangerous.is_some_and(|written| written.value);
    if let Some(table) = profile.table("environment", "`environment`".to_owned()) {
        for (name, _) in table.entries() {
            if let Some(value) = variable(&table, name, profile, dangerous) {
                variables.insert(name.value.to_owned(), value);
            }
        }
    }
    variables
}

/// The whole environment, sorted by name: later `layers` replace earlier ones.
pub(super) fn environment<'a>(
    layers: impl Iterator<Item = &'a Variables>,
) -> Vec<(String, String)> {
    let mut all: Variables = BASE
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    for layer in layers {
        all.extend(layer.clone());
    }
    all.into_iter().collect()
}

fn variable(
    table: &Fields<'_, '_>,
    Located { value: name, span }: &Located<&str>,
    profile: &Fields<'_, '_>,
    dangerous: bool,
) -> Option<String> {
    if !is_name(name) {
        let message = format!("`{name}` is not a name for an environment variable");
        let hint = "use letters, digits and `_`, and no digit first";
        table.reader.error_hint(span, message, hint);
    } else if is_dangerous(name) && dangerous {
        lint::variable(profile, name, span);
    } else if is_dangerous(name) {
        let message = format!("environment variable `{name}` cannot be set");
        let hint = "it makes programs run other code than they were called for; \
                    `dangerous_environment = true` allows it";
        table.reader.error_hint(span, message, hint);
    }
    let value = table.text(name)?;
    table.reader.variables(&value);
    if value.value.contains('\0') {
        table
            .reader
            .error(&value.span, format!("`{name}` has a NUL character"));
    }
    Some(value.value.to_owned())
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

fn is_dangerous(name: &str) -> bool {
    let refused = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    };
    !FINE.contains(&name) && DANGEROUS.iter().any(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_run_code_are_dangerous() {
        for name in [
            "LD_PRELOAD",
            "GIT_SSH_COMMAND",
            "PYTHONPATH",
            "BASH_ENV",
            "PERL5LIB",
        ] {
            assert!(is_dangerous(name), "{name}");
        }
        for name in [
            "HOME",
            "GIT_PAGER",
            "PATH",
            "TZ",
            "ld_preload",
            "ENVIRONMENT",
        ] {
            assert!(!is_dangerous(name), "{name}");
        }
    }

    #[test]
    fn names_are_identifiers() {
        assert!(is_name("_A1"));
        for name in ["", "1A", "A-B", "A=B", "Ä", "A B"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
