"""What a file may name: components of this package, by short names and with checked arguments.

One class a component: its fields are the arguments that it takes, with their types and ranges.
Nothing else that a ledger, an audit, a certificate or a run folder says is ever looked up, imported
or made.
"""
