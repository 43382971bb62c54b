# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mini_mcp_global_optspecs
    string join \n h/help
end

function __fish_mini_mcp_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mini_mcp_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mini_mcp_using_subcommand
    set -l cmd (__fish_mini_mcp_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "serve" -d 'Serve MCP on a Unix socket to the users that the policy names'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "connect" -d 'Pass bytes between standard input and output and the service\'s socket'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "stdio" -d 'Serve MCP on standard input and output, for one user, without installation'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "check" -d 'Check policy files and print every mistake, and what is allowed but unwise'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "doctor" -d 'Tell what of the sandbox this machine holds, and what becomes of each profile'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "learn" -d 'Run a command once, watch it, and print the profile and the tool it needs'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "learn-stub" -d 'What `learn` starts: stops until it is watched, then becomes the command'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "explain" -d 'Tell how a call would be decided, by which rule, and what would run'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "tools" -d 'List the tools that a user\'s agent sees, as it sees them'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "test" -d 'Decide the examples that policies hold, and print the results as TAP'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "replay" -d 'Decide a recorded audit trail again, and tell which calls another policy would decide differently'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "audit" -d 'Tell what the audit trail holds: who called what, and what became of it'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "report" -d 'Write a page about the audit trail: calls over time, by principal and tool, denials, the slowest and heaviest runs, and whether the trail is whole'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "status" -d 'Tell how the service is: for people, and by its exit status for monitoring'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "top" -d 'Watch the service: what runs, what waits for approval, how often what is called, how much of each limit is used, and what was denied'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "metrics" -d 'Print the worker\'s numbers in the text format of Prometheus, or serve them'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "pending" -d 'Tell which calls wait for an administrator\'s approval: those that a policy says `ask` for'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "approve" -d 'Approve a call that waits: this one, or with --for further ones too'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "deny" -d 'Deny a call that waits for approval'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "grants" -d 'List the approvals that stand for further calls'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "revoke" -d 'Take back an approval that stands for further calls. What runs goes on'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "reload" -d 'Have the service take up the policy that is in its files now'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "key" -d 'Make, list and revoke the API keys by which callers are known over HTTP'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "run" -d 'Run one command under a profile, in the sandbox that an agent\'s commands get'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "schema" -d 'Print the JSON Schema of the policy language, for editors'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "setup" -d 'Print the configuration of an MCP client for this machine, or merge it into the client\'s own'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "enable" -d 'Take a pack into the policy of this machine, and put that in force'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "disable" -d 'Take a pack out of the policy of this machine, and put that in force'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l policy -d 'Policy file: owned by root, not writable by group or others; with the drop-ins in the directory beside it, `policy.d`' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l packs -d 'Directory of the packs that the policy includes' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l socket -d 'Unix socket to listen on' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l worker -d 'Unix socket of the worker' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l metrics -d 'Serve this process\'s own numbers at /metrics: on an address of this host, such as 127.0.0.1:9465, or at a Unix socket, unix:PATH; `mini-mcp metrics` has the worker\'s' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l http -d 'Serve MCP over HTTP at /mcp on this address too, to principals with an API key' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l http-host -d 'Name by which clients reach it, in the Host header, beside the address itself and localhost; may be given several times' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l trusted-proxy -d 'Address or network of a reverse proxy that speaks TLS and tells the client\'s address in X-Forwarded-For; may be given several times' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l tls-certificate -d 'Speak TLS with the certificate in this PEM file, followed by its chain' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l tls-key -d 'Its private key, a PEM file that not every user may read; read again with the certificate at each reload' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l spool -d 'Directory in which long output is kept to be read in pages; this user\'s alone [default: $CACHE_DIRECTORY, for stdio $XDG_STATE_HOME/mini-mcp/spool; else none]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l spool-run -d 'How much output is kept of one run' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l spool-quota -d 'How much output is kept for one principal, such as `256M`' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l spool-max -d 'How much output is kept for all of them' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l spool-expiry -d 'How long output and record are kept from the end of a run on, such as `1h`' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l log-format -d 'How messages are written' -r -f -a "auto\t'To the journal where standard error is connected to it, else as text'
text\t'Lines for people, on standard error'
json\t'One JSON object a line, on standard error'
journal\t'To the journal, with fields'"
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l otlp -d 'Send traces and metrics of calls by OTLP to this collector: http://HOST:PORT, unix:PATH, or `environment` for what OTEL_EXPORTER_OTLP_ENDPOINT says' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand connect" -l socket -d 'Unix socket of the service' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l policy -d 'Policy file: owned by you or root, not writable by group or others [default: embedded, read-only inspection]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l packs -d 'Directory of the packs that the policy includes' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l workspace -d 'Directory that `${workspace}` stands for in the policy [default: the current one]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l audit -d 'Audit trail, to which lines are appended [default: $XDG_STATE_HOME/mini-mcp/audit.jsonl]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l worker-program -d 'Program of the worker [default: mini-mcp-worker beside this program or in /usr/libexec/mini-mcp]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l spool -d 'Directory in which long output is kept to be read in pages; this user\'s alone [default: $CACHE_DIRECTORY, for stdio $XDG_STATE_HOME/mini-mcp/spool; else none]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l spool-run -d 'How much output is kept of one run' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l spool-quota -d 'How much output is kept for one principal, such as `256M`' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l spool-max -d 'How much output is kept for all of them' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l spool-expiry -d 'How long output and record are kept from the end of a run on, such as `1h`' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l log-format -d 'How messages are written' -r -f -a "auto\t'To the journal where standard error is connected to it, else as text'
text\t'Lines for people, on standard error'
json\t'One JSON object a line, on standard error'
journal\t'To the journal, with fields'"
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand check" -l packs -d 'Directory of the packs that policies include' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand check" -l workspace -d 'With --single-user: directory that `${workspace}` stands for [default: the current one]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand check" -l together -d 'The files are one policy, and may refer to each other\'s names'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand check" -l single-user -d 'Read the policy as `mini-mcp stdio` does, not as the service'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand check" -l strict -d 'A warning counts as an error'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand check" -l json -d 'Print one JSON document'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand check" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand doctor" -l policy -d 'Policy file [default: /etc/mini-mcp/policy.toml for root, if it is there; else the embedded policy]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand doctor" -l packs -d 'Directory of the packs that the policy includes' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand doctor" -l workspace -d 'Tell what `mini-mcp stdio` would do in this directory' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand doctor" -l worker-program -d 'Program of the worker [default: mini-mcp-worker beside this program or in /usr/libexec/mini-mcp]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand doctor" -l json -d 'Print one JSON document'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand learn" -l as -d 'Whom the command runs as [default: root]' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand learn" -s o -l output -d 'File for the policy' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand learn" -l env -d 'Variable of the environment that the command needs' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand learn" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand learn-stub" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l as -d 'User who calls: a name or a user id [default with --single-user: you]' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l as-key -d 'API key that the caller presents, instead of a user' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l from -d 'With --as-key: where he connects from' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l client -d 'What his client says of itself' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l policy -d 'Policy file; those of several are read as one policy [default: /etc/mini-mcp/policy.toml, with --single-user the embedded policy]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l packs -d 'Directory of the packs that policies include' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l workspace -d 'With --single-user: directory that `${workspace}` stands for [default: the current one]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l single-user -d 'Read the policy as `mini-mcp stdio` does, not as the service'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -l json -d 'Print one JSON document'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l as -d 'User who calls: a name or a user id [default with --single-user: you]' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l as-key -d 'API key that the caller presents, instead of a user' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l from -d 'With --as-key: where he connects from' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l client -d 'What his client says of itself' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l policy -d 'Policy file; those of several are read as one policy [default: /etc/mini-mcp/policy.toml, with --single-user the embedded policy]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l packs -d 'Directory of the packs that policies include' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l workspace -d 'With --single-user: directory that `${workspace}` stands for [default: the current one]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l single-user -d 'Read the policy as `mini-mcp stdio` does, not as the service'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -l json -d 'Print one JSON document'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand tools" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand test" -l packs -d 'Directory of the packs that policies include' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand test" -l workspace -d 'With --single-user: directory that `${workspace}` stands for [default: the current one]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand test" -l together -d 'The files are one policy, and may refer to each other\'s names'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand test" -l single-user -d 'Read the policy as `mini-mcp stdio` does, not as the service'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand test" -l json -d 'Print one JSON document instead'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand test" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand replay" -l policy -d 'The new policy; the files of several are read as one policy [default: /etc/mini-mcp/policy.toml, with --single-user the embedded policy]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand replay" -l packs -d 'Directory of the packs that policies include' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand replay" -l workspace -d 'With --single-user: directory that `${workspace}` stands for [default: the current one]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand replay" -l single-user -d 'Read the policy as `mini-mcp stdio` does, not as the service'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand replay" -l all -d 'Tell of every call, also those that are decided as before'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand replay" -l json -d 'Print one JSON document'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -l audit -d 'The audit trail' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -l since -d 'Not before this: `2026-11-26 10:00`, or how long ago, `90min`' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -l until -d 'Before this' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -l principal -d 'Of this principal, or this user id' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -l tool -d 'Of this tool' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -l run -d 'Only this run' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -l denied -d 'Only what was denied or refused'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -s f -l follow -d 'Wait for what comes, until interrupted'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -l json -d 'Print the lines of the trail as they are'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -f -a "show" -d 'Tell everything about one run'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -f -a "verify" -d 'Check that nobody has changed the trail, and tell where if somebody has'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and not __fish_seen_subcommand_from show verify key" -f -a "key" -d 'Print the public key that the trail is signed with'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from show" -l audit -d 'The audit trail' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from show" -l record-dir -d 'Where recordings are [default: that of the trail, with `.output`]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from show" -l json -d 'Print the lines of the trail as they are'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from show" -l output -d 'Print what it printed, of a tool with `record`: standard output and standard error, each as it was, on a terminal so that it does no harm'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from show" -l raw -d 'Also on a terminal as it was'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from verify" -l audit -d 'The audit trail' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from verify" -l public-key -d 'File of a key that may have signed; several may be named [default: that of the trail, with `.pub`]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from verify" -l head -d 'The checkpoint that must be there [default: that of the trail, with `.head`]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from verify" -l record-dir -d 'Where recordings are [default: that of the trail, with `.output`]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from verify" -l partial -d 'The oldest parts may be elsewhere'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from verify" -l json -d 'Print one JSON document'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from key" -l audit -d 'The audit trail' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand audit; and __fish_seen_subcommand_from key" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand report" -s o -l output -d 'Where it is written' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand report" -l audit -d 'The audit trail' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand report" -l since -d 'Not before this: `2026-11-26 10:00`, or how long ago, `7d`' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand status" -l socket -d 'Unix socket where the worker answers administrators' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand status" -l json -d 'Print one JSON document'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand top" -l interval -d 'How often the worker is asked: at least 100ms' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand top" -l socket -d 'Unix socket where the worker answers administrators' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand top" -l once -d 'Print one frame as text, or with --json as a document, and end'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand top" -l json -d 'Print one JSON document a line'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand metrics" -l listen -d 'Serve them at /metrics, until interrupted: on an address of this host, or at a Unix socket, unix:PATH' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand metrics" -l socket -d 'Unix socket where the worker answers administrators' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand metrics" -l anywhere -d 'The address may be reached from beyond this host, by anybody, in the clear'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand metrics" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand pending" -l socket -d 'Unix socket where the worker answers administrators' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand pending" -l watch -d 'Tell of further requests as they come, until interrupted'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand pending" -l json -d 'Print one JSON document; with --watch one in each line'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand pending" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand approve" -l for -d 'Approve further calls as well, for so long: at most 24h' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand approve" -l scope -d 'With --for: calls with exactly these arguments, or any that the policy allows' -r -f -a "exact\t'Those with exactly the same arguments'
tool\t'Those of the tool, whatever their arguments'"
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand approve" -l socket -d 'Unix socket where the worker answers administrators' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand deny" -l reason -d 'Why: the caller is told' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand deny" -l socket -d 'Unix socket where the worker answers administrators' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand deny" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand grants" -l socket -d 'Unix socket where the worker answers administrators' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand grants" -l json -d 'Print one JSON document'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand grants" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand revoke" -l socket -d 'Unix socket where the worker answers administrators' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand revoke" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand reload" -l socket -d 'Unix socket of the service' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and not __fish_seen_subcommand_from new list revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and not __fish_seen_subcommand_from new list revoke" -f -a "new" -d 'Make a key and print it; it cannot be shown again'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and not __fish_seen_subcommand_from new list revoke" -f -a "list" -d 'List the names of all keys, and when they were made'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and not __fish_seen_subcommand_from new list revoke" -f -a "revoke" -d 'Make a key worthless from the next request on'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and __fish_seen_subcommand_from new" -l keys -d 'File of the keys\' digests, the same as the worker\'s --keys' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and __fish_seen_subcommand_from list" -l keys -d 'File of the keys\' digests, the same as the worker\'s --keys' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and __fish_seen_subcommand_from revoke" -l keys -d 'File of the keys\' digests, the same as the worker\'s --keys' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand key; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l policy -d 'Policy file, with its drop-ins and packs [default: the shipped profiles alone]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l packs -d 'Directory of the packs that the policy includes' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l profile -d 'Profile to run under' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l read -d 'File or tree that may be read as well; a leading `-` says that it may be missing' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l rw -d 'File or tree that may be read and written as well' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l exec -d 'File or tree that may be read and executed as well' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l as -d 'Whom the command is for: a name or a user id; only root may name another' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l timeout -d 'Time until everything is killed, such as `90s`' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l strength -d '`default` or `isolated`, in place of the profile\'s' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l network -d '`none`, `unix`, `loopback` or `full`, in place of the profile\'s' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l connect -d 'Port that may be connected to, such as `tcp:443`; in place of the profile\'s network' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l dir -d 'Directory to start in [default: the profile\'s]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l env -d 'Variable of the environment, of which nothing else is passed on' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l containment -d 'How the process tree is held: auto, cgroup, pid-namespace or subreaper' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l worker-program -d 'Program of the worker [default: mini-mcp-worker beside this program or in /usr/libexec/mini-mcp]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -l explain-denials -d 'Tell what Landlock refused a command that failed, from the host\'s audit records'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand schema" -s h -l help -d 'Print help'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -l client -d 'The client' -r -f -a "claude-code\t'Claude Code'
claude-desktop\t'Claude Desktop'
vscode\t'Visual Studio Code'
cursor\t'Cursor'
codex\t'Codex'
gemini\t'Gemini CLI'
zed\t'Zed'
goose\t'goose'"
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -l scope -d 'For all that you do, or for the current directory alone' -r -f -a "user\t'For the user, wherever he works'
project\t'For whoever works in the current directory'"
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -l name -d 'What the client calls it [default: mini-mcp, with --ssh mini-mcp-HOST]' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -l ssh -d 'Attach to the service of another machine, by `ssh HOST mini-mcp connect`' -r
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -l socket -d 'Unix socket of the service' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -l write -d 'Merge it into the client\'s file'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -l dry-run -d 'Show what --write would change, and change nothing'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -l stdio -d 'Serve by `mini-mcp stdio`, which needs no service [default: where no service is]'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand setup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand enable" -l policy -d 'Policy file; drop-ins are in the directory beside it that is named like it with `.d`' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand enable" -l packs -d 'Directory of packs' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand enable" -l socket -d 'Unix socket of the service' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand enable" -l list -d 'List all packs, and which are enabled'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand enable" -l no-reload -d 'Leave the policy that is in force as it is'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand disable" -l policy -d 'Policy file; drop-ins are in the directory beside it that is named like it with `.d`' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand disable" -l packs -d 'Directory of packs' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand disable" -l socket -d 'Unix socket of the service' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand disable" -l no-reload -d 'Leave the policy that is in force as it is'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand disable" -s h -l help -d 'Print help (see more with \'--help\')'
