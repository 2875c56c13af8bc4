"""The owner's own tool: mark a folder, publish it, audit a model, hand over a certificate.

- The command line: `cli`, and a file for each command in `commands`; the local page: `app`.
- Marking: `mark` (a folder), `survey` (what it holds), `kinds` (of files), `publisher` (published
  files), `streaming` (several at once), `pictures`, `jpeg`, `metadata` and `xmp` (what is in a
  file), `labels`, `grain` (how coarse marks are), `scheme` (versions), `commitments`, `ledger`,
  `looks` and `contact_sheet`.
- Asking a model: `case` (an audit before its first query), `gather` (its pictures), `picture_file`
  (which stay on the disk), `requests` (how much at once), `cost`,
  `audit`, `journal` (answers so far), `record` (what was found), `decision` (what is claimed),
  `transform` (what a platform does to files), `copies` and `registration` (read from what it made
  of them); `models` opens run folders, and `taggant.models` all
  else that ``--model`` may name.
- Showing it: `certificate` (what it says), `certify` (made of an audit), `verify` (checked alone)
  and `reask` (with the model).
- Files are read by `schema`; what they may name are the `components`.
"""
