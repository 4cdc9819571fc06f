"""A stand-in for the publishing application: its endpoints, on loopback, over an example world.

A process of its own that shares nothing with Release Control but a database to migrate and a flag
to ask for, so that smoke tests, the flag and metrics have something real to talk to. Start it with
`python -m releasecontrol.examples.standin --port 8002`; `__main__` names its environment variables.

__main__  command line, signals          server   HTTP in and out, bounded
routes    which path does what           store    its rows, over a handful of connections
queries   the SQL, by name               answers  what goes into a route and comes out
forms     what a body may say (pure)     pages    HTML (pure)
meter     counts, and chaos (pure)       flag     asks Release Control over OFREP
"""
