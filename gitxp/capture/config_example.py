"""Every key of gitxp.yaml with a value and a word on it: what docs/cli.md shows, and what `gitxp init` writes as comments."""

EXAMPLE = """\
snapshot:
  max_file_size: 50 MiB      # an untracked file over this is left out; also max_total_size (500 MiB), max_files (20000)
  exclude: ["*.ckpt", "runs/*"]  # untracked files never taken; globs against the path and against the file's name
  secrets: ["*.token"]       # more names that are likely to hold secrets
  allow: [".env.example"]    # names that look like secrets and are none
# paths are from the top of the working tree, wherever the run is started
data: [data/train]           # fingerprinted in every run, as with --data
outputs: [model.pkl]         # kept as artifacts of every run, as with --out
metrics_from: [metrics.json] # as with --metrics-from
probe: true                  # false: Python programs are left alone, as with --no-probe
opened:                      # what is kept of files that the command reads, without --data
  places: [/datasets]        # fingerprinted as well if read below these; elsewhere outside they are only listed
  max_files: 100000          # at most so many are fingerprinted
  max_seconds: 10            # in at most so much time after the command; what was read is remembered for the next run
written:                     # what is kept of files that the command writes, without --out
  max_file_size: 10 MiB      # larger ones are listed and not kept; also max_total_size (100 MiB), max_seconds (10)
  exclude: ["*.tmp"]         # never listed; globs against the path and against the file's name
  scan: true                 # false: no look for files that changed meanwhile, whoever changed them
large:                       # files over the limits, as git-lfs pointers (docs/howto/large-files.md); else they are left out
  artifacts: true            # what --out names, and what programs hand in
  untracked: true            # untracked files of the snapshot; they are read before the command starts
  max_total_size: 20 GiB     # at most so much of each in one run
storage: s3://bucket/prefix  # where large objects are copied if the git remote has no LFS: s3, gs, ssh, or a folder
system:                      # processor, memory, disk, network and GPUs while the command runs; needs gitxp[system]
  interval: 10               # looked at every so many seconds; 0, or `system: false`: never, as with --no-system-metrics
list:
  columns: [lr, acc]         # the columns of `gitxp list` and `list --md`, as with --columns
trash:
  days: 30                   # `gitxp gc` deletes runs that were removed so long ago
goal:                        # what `gitxp goal` tells of; `gitxp goal set` writes it (docs/howto/goals.md)
  reach: metrics.acc >= 0.95 # one comparison of a metric with a number
  where: group == "tuning"   # only runs of which this is true count
  budget: 40h                # of time that runs take together
  runs: 200                  # at most so many
  since: "2026-11-01"        # runs that began before do not count
  until: "2026-12-31"        # the last day
"""


def commented_example() -> str:
    """The example as comments: a gitxp.yaml that says nothing until somebody takes a `#` away."""
    head = "# What gitxp does in this repository (docs: every key is optional; without it, the default holds).\n"
    return head + "".join(f"# {line}\n" for line in EXAMPLE.splitlines())
