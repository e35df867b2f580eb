complete -c minirpcgen -s D -d 'Define a macro for the preprocessor, in all three passes; may be repeated' -r
complete -c minirpcgen -s o -d 'Write BASE_client.h and so on; without it, the input\'s name without directory and .mx, in the current directory. What stands behind the last slash starts the generated C names' -r
complete -c minirpcgen -s F -d 'Behind -M, as in -MF FILE: write the rule there' -r
complete -c minirpcgen -s M -d 'Also write a make rule to BASE.d, which names the files that the input includes'
complete -c minirpcgen -l strict-enums -d 'Decoding refuses a number that the enum has no name for. Without this, and with rpcgen, any number passes; mrpc_is_valid_NAME tells'
complete -c minirpcgen -l c-only -d 'No warning of names that are keywords of C++'
complete -c minirpcgen -l python -d 'Instead, write BASE.py: dataclasses, and the classes Client and Server for asyncio. It needs Python 3.11 and the package minirpc'
complete -c minirpcgen -l lua -d 'Instead, write BASE.lua: a dissector for Wireshark'
complete -c minirpcgen -s h -l help -d 'Print help'
complete -c minirpcgen -s V -l version -d 'Print version'
