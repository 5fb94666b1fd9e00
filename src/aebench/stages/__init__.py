"""One module a stage; each has a `run` that the workflow's script of the same name calls."""
