# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mrpc_global_optspecs
    string join \n h/help V/version
end

function __fish_mrpc_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mrpc_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mrpc_using_subcommand
    set -l cmd (__fish_mrpc_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mrpc -n "__fish_mrpc_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mrpc -n "__fish_mrpc_needs_command" -s V -l version -d 'Print version'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "call" -d 'One call; prints the result as JSON'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "send" -d 'Send a one-way message'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "describe" -d 'Show procedures and types, with examples of their JSON'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "watch" -d 'Print what the peer sends, as JSON lines'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "mock" -d 'A server that answers from a file'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "ping" -d 'Call procedure 0, and print how long the refusal takes'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "decode" -d 'A capture (pcap, pcapng) or a MINIRPC_TRACE file as JSON lines'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "bench" -d 'As many calls as the peer takes, for some time'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "trace" -d 'A MINIRPC_TRACE file as a table of latencies by procedure'
complete -c mrpc -n "__fish_mrpc_needs_command" -f -a "doctor" -d 'Which library a program loads, what its stubs were made by, and limits'
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -s D -d 'Define a macro for the preprocessor' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l timeout -d 'For connecting, and for a call' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l max-reply -d 'The longest payload that is taken, in bytes' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l ca -d 'Trust the authorities of this PEM file, not the system\'s; mock asks for certificates then' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l cert -d 'Our certificate, and behind it those of authorities between, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l key -d 'Its key, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l name -d 'The name that the server\'s certificate has to be for, if not the address\'s' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l as -d 'Which end of the connection this is' -r -f -a "client\t''
server\t''"
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l tls -d 'Speak TLS'
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -l raw -d 'Payloads, in and out, as hexadecimal digits'
complete -c mrpc -n "__fish_mrpc_using_subcommand call" -s h -l help -d 'Print help'
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -s D -d 'Define a macro for the preprocessor' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l timeout -d 'For connecting, and for a call' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l max-reply -d 'The longest payload that is taken, in bytes' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l ca -d 'Trust the authorities of this PEM file, not the system\'s; mock asks for certificates then' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l cert -d 'Our certificate, and behind it those of authorities between, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l key -d 'Its key, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l name -d 'The name that the server\'s certificate has to be for, if not the address\'s' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l as -d 'Which end of the connection this is' -r -f -a "client\t''
server\t''"
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l tls -d 'Speak TLS'
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -l raw -d 'Payloads, in and out, as hexadecimal digits'
complete -c mrpc -n "__fish_mrpc_using_subcommand send" -s h -l help -d 'Print help'
complete -c mrpc -n "__fish_mrpc_using_subcommand describe" -s D -d 'Define a macro for the preprocessor' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand describe" -s h -l help -d 'Print help'
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -s D -d 'Define a macro for the preprocessor' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l timeout -d 'For connecting, and for a call' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l max-reply -d 'The longest payload that is taken, in bytes' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l ca -d 'Trust the authorities of this PEM file, not the system\'s; mock asks for certificates then' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l cert -d 'Our certificate, and behind it those of authorities between, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l key -d 'Its key, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l name -d 'The name that the server\'s certificate has to be for, if not the address\'s' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l as -d 'Which end of the connection this is' -r -f -a "client\t''
server\t''"
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l tls -d 'Speak TLS'
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -l raw -d 'Payloads as hexadecimal digits'
complete -c mrpc -n "__fish_mrpc_using_subcommand watch" -s h -l help -d 'Print help'
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -s D -d 'Define a macro for the preprocessor' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l timeout -d 'For connecting, and for a call' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l max-reply -d 'The longest payload that is taken, in bytes' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l ca -d 'Trust the authorities of this PEM file, not the system\'s; mock asks for certificates then' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l cert -d 'Our certificate, and behind it those of authorities between, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l key -d 'Its key, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l name -d 'The name that the server\'s certificate has to be for, if not the address\'s' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l as -d 'Which end of the connection this is' -r -f -a "client\t''
server\t''"
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l tls -d 'Speak TLS'
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -l raw -d 'Results in the file, and requests that are printed, as hexadecimal digits'
complete -c mrpc -n "__fish_mrpc_using_subcommand mock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -s c -l count -d 'How often' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -l timeout -d 'For connecting, and for a call' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -l max-reply -d 'The longest payload that is taken, in bytes' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -l ca -d 'Trust the authorities of this PEM file, not the system\'s; mock asks for certificates then' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -l cert -d 'Our certificate, and behind it those of authorities between, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -l key -d 'Its key, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -l name -d 'The name that the server\'s certificate has to be for, if not the address\'s' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -l tls -d 'Speak TLS'
complete -c mrpc -n "__fish_mrpc_using_subcommand ping" -s h -l help -d 'Print help'
complete -c mrpc -n "__fish_mrpc_using_subcommand decode" -s D -d 'Define a macro for the preprocessor' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand decode" -l port -d 'The server\'s port: other connections are left out' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand decode" -l as -d 'Whose trace it is' -r -f -a "client\t''
server\t''"
complete -c mrpc -n "__fish_mrpc_using_subcommand decode" -l raw -d 'Payloads as hexadecimal digits'
complete -c mrpc -n "__fish_mrpc_using_subcommand decode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -s D -d 'Define a macro for the preprocessor' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l timeout -d 'For connecting, and for a call' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l max-reply -d 'The longest payload that is taken, in bytes' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l ca -d 'Trust the authorities of this PEM file, not the system\'s; mock asks for certificates then' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l cert -d 'Our certificate, and behind it those of authorities between, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l key -d 'Its key, in PEM' -r -F
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l name -d 'The name that the server\'s certificate has to be for, if not the address\'s' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l as -d 'Which end of the connection this is' -r -f -a "client\t''
server\t''"
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -s c -l connections -d 'How many connections' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -s n -l outstanding -d 'How many calls may wait for their replies on each' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -s t -l time -d 'For how long' -r
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l tls -d 'Speak TLS'
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l raw -d 'The argument is hexadecimal digits'
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -l json -d 'The figures as a JSON object'
complete -c mrpc -n "__fish_mrpc_using_subcommand bench" -s h -l help -d 'Print help'
complete -c mrpc -n "__fish_mrpc_using_subcommand trace" -l chrome -d 'Instead, in the trace-event format that Perfetto and Chrome open'
complete -c mrpc -n "__fish_mrpc_using_subcommand trace" -l svg -d 'Instead, as a picture'
complete -c mrpc -n "__fish_mrpc_using_subcommand trace" -s h -l help -d 'Print help'
complete -c mrpc -n "__fish_mrpc_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
