"""What a file may name: short names for classes of this package, with checked arguments.

One literal class a part: its fields are the arguments that it takes, with their types and ranges.
Nothing else that a ledger, an audit, a certificate or a run folder says is ever looked up, imported
or made.
"""
