complete -c minirpcgen -s D -d 'Define a macro for the preprocessor; may be repeated' -r
complete -c minirpcgen -s o -d 'Write BASE_client.h and so on' -r
complete -c minirpcgen -s F -d 'Behind -M, as in -MF FILE: write the rule there' -r
complete -c minirpcgen -s M -d 'Also write a make rule to BASE.d: which files the input includes'
complete -c minirpcgen -l strict-enums -d 'Decoding refuses a number that the enum has no name for'
complete -c minirpcgen -l c-only -d 'No warning of names that are keywords of C++'
complete -c minirpcgen -l python -d 'Instead, write BASE.py: a module for asyncio'
complete -c minirpcgen -l lua -d 'Instead, write BASE.lua: a dissector for Wireshark'
complete -c minirpcgen -l check-old -d 'Instead, say what programs with older stubs will meet'
complete -c minirpcgen -s h -l help -d 'Print help (see more with \'--help\')'
complete -c minirpcgen -s V -l version -d 'Print version'
