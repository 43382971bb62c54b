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
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "reload" -d 'Have the service take up the policy that is in its files now'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "run" -d 'Run one command under a profile, in the sandbox that an agent\'s commands get'
complete -c mini-mcp -n "__fish_mini_mcp_needs_command" -f -a "schema" -d 'Print the JSON Schema of the policy language, for editors'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l policy -d 'Policy file: owned by root, not writable by group or others; with the drop-ins in the directory beside it, `policy.d`' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l packs -d 'Directory of the packs that the policy includes' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l socket -d 'Unix socket to listen on' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -l worker -d 'Unix socket of the worker' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand connect" -l socket -d 'Unix socket of the service' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l policy -d 'Policy file: owned by you or root, not writable by group or others [default: embedded, read-only inspection]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l packs -d 'Directory of the packs that the policy includes' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l workspace -d 'Directory that `${workspace}` stands for in the policy [default: the current one]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l audit -d 'Audit trail, to which lines are appended [default: $XDG_STATE_HOME/mini-mcp/audit.jsonl]' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand stdio" -l worker-program -d 'Program of the worker [default: mini-mcp-worker beside this program or in /usr/libexec/mini-mcp]' -r -F
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
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand reload" -l socket -d 'Unix socket of the service' -r -F
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
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
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mini-mcp -n "__fish_mini_mcp_using_subcommand schema" -s h -l help -d 'Print help'
