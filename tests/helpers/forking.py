"""Processes that are forked off one that has imported memagent, which takes a second, once."""

import multiprocessing

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    ["pytest", "memagent.memory.memory", "memagent.stores.transfer.reembed", "memagent.testing"]
)
