"""The stages of a run, one a file: what each depends on, and how it is computed.

Data flows one way: a stage knows the stages that it reads, never those that read it.
"""
